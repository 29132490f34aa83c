// Llama and what is laid out like it: SmolLM and SmolLM2, Llama 2 and 3.x, Mistral.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "model/arch/rows.h"
#include "model/arch/shared_keys.h"
#include "model/arch/tensor_rows.h"

namespace fettle {

namespace {

using namespace tensor_rows;  // NOLINT: a table of these

// What transformers assumes where config.json is silent, by class.
struct ClassDefaults {
  std::string_view architecture;
  int64_t kv_heads;        // 0: as many as heads
  int64_t sliding_window;  // an explicit null means none
};
constexpr ClassDefaults kDefaults[] = {
    {"LlamaForCausalLM", 0, 0},
    {"LLaMAForCausalLM", 0, 0},
    {"MistralForCausalLM", 8, 4096},
};

constexpr std::string_view kArchitectures[] = {"LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM"};

constexpr TensorRow kTensors[] = {
    kTokenEmbd,
    kAttnNorm,
    interleaved_in_gguf(kAttnQ),
    interleaved_in_gguf(kAttnK),
    kAttnV,
    kAttnO,
    kMlpNorm,
    kMlpGate,
    kMlpUp,
    kMlpDown,
    kOutNorm,
    kHead,
    {.role = Role::rope_freqs,
     .hf = "",
     .gguf = "rope_freqs.weight",
     .rows = Dim::none,
     .cols = Dim::half_rope,
     .optional = true},
};

constexpr IgnoredTensors kIgnored[] = {kRotaryBuffers,
                                       {"*.attn_rot_embd.weight", "rotary frequencies, computed"}};

const ClassDefaults& defaults_of(const HfConfig& config) {
  const nlohmann::json& names = config.json().at("architectures");
  for (const ClassDefaults& d : kDefaults)
    if (names.at(0) == d.architecture) return d;
  FETTLE_CHECK(false, "a family row without defaults");
}

void refuse_what_is_not_llama(const HfConfig& config) {
  refuse_flags(config, {"attention_bias", "mlp_bias"});
  if (const auto it = config.json().find("layer_types"); it != config.json().end() && it->is_array())
    for (const nlohmann::json& type : *it)
      if (type != "full_attention")
        refuse(
            fmt::format("layer_types has {}: layers of different kinds are not supported here", type.dump()),
            config.where());
}

HyperParams from_hf(const nlohmann::json& json, const std::string& where) {
  const HfConfig config(json, where);
  const ClassDefaults& defaults = defaults_of(config);
  refuse_what_is_not_llama(config);
  HyperParams hp = sizes_from_hf(config, {.kv_heads = defaults.kv_heads});
  if (defaults.sliding_window > 0)
    hp.sliding_window =
        json.contains("sliding_window") ? config.integer_or("sliding_window", 0) : defaults.sliding_window;
  hp.activation = activation_from_hf(config, "hidden_act", "silu");
  hp.rope = rope_from_hf(config, 10000);
  return hp;
}

HyperParams from_gguf(const GgufFile& file) {
  return from_gguf_keys(file, "llama");
}

// Mistral's class is the one of the skeleton that knows a window.
void to_hf(const HyperParams& hp, nlohmann::json& config) {
  if (hp.sliding_window == 0) return;
  config["architectures"] = {"MistralForCausalLM"};
  config["model_type"] = "mistral";
}

}  // namespace

const FamilyRow kLlamaFamily = {
    .name = "llama",
    .hf_architectures = kArchitectures,
    .hf_model_type = "llama",
    .gguf_arch = "llama",
    .tensors = kTensors,
    .ignored = kIgnored,
    .from_hf = from_hf,
    .from_gguf = from_gguf,
    .to_hf = to_hf,
    .oracle = "transformers LlamaForCausalLM, MistralForCausalLM",
};

}  // namespace fettle
