// Qwen3, dense: Llama with a norm over each head's queries and keys, and a head size of its own.
#include "model/arch/rows.h"
#include "model/arch/shared_keys.h"
#include "model/arch/tensor_rows.h"

namespace fettle {

namespace {

using namespace tensor_rows;  // NOLINT: a table of these

constexpr std::string_view kArchitectures[] = {"Qwen3ForCausalLM"};

constexpr TensorRow kTensors[] = {
    kTokenEmbd, kAttnNorm, kAttnQ,   kAttnQNorm, kAttnK,   kAttnKNorm, kAttnV,
    kAttnO,     kMlpNorm,  kMlpGate, kMlpUp,     kMlpDown, kOutNorm,   kHead,
};

constexpr IgnoredTensors kIgnored[] = {kRotaryBuffers};

HyperParams from_hf(const nlohmann::json& json, const std::string& where) {
  const HfConfig config(json, where);
  refuse_flags(config, {"attention_bias"});
  HyperParams hp = sizes_from_hf(config, {.kv_heads = 32, .head_dim = 128, .context_length = 32768});
  hp.activation = activation_from_hf(config, "hidden_act", "silu");
  hp.rope = rope_from_hf(config, 10000);
  qwen_window_from_hf(config, hp);
  return hp;
}

HyperParams from_gguf(const GgufFile& file) {
  return from_gguf_keys(file, "qwen3");
}

}  // namespace

const FamilyRow kQwen3Family = {
    .name = "qwen3",
    .hf_architectures = kArchitectures,
    .hf_model_type = "qwen3",
    .gguf_arch = "qwen3",
    .tensors = kTensors,
    .ignored = kIgnored,
    .from_hf = from_hf,
    .from_gguf = from_gguf,
    .to_hf = qwen_window_to_hf,
    .to_gguf = refuse_window_in_gguf,
    .oracle = "transformers Qwen3ForCausalLM",
};

}  // namespace fettle
