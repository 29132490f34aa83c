// Qwen2 and Qwen2.5: Llama with biases on q, k and v.
#include "model/arch/rows.h"
#include "model/arch/shared_keys.h"
#include "model/arch/tensor_rows.h"

namespace fettle {

namespace {

using namespace tensor_rows;  // NOLINT: a table of these

constexpr std::string_view kArchitectures[] = {"Qwen2ForCausalLM"};

constexpr TensorRow kTensors[] = {
    kTokenEmbd,
    kAttnNorm,
    kAttnQ,
    vector(Role::attn_q_bias, "model.layers.{i}.self_attn.q_proj.bias", "blk.{i}.attn_q.bias", Dim::q),
    kAttnK,
    vector(Role::attn_k_bias, "model.layers.{i}.self_attn.k_proj.bias", "blk.{i}.attn_k.bias", Dim::kv),
    kAttnV,
    vector(Role::attn_v_bias, "model.layers.{i}.self_attn.v_proj.bias", "blk.{i}.attn_v.bias", Dim::kv),
    kAttnO,
    kMlpNorm,
    kMlpGate,
    kMlpUp,
    kMlpDown,
    kOutNorm,
    kHead,
};

constexpr IgnoredTensors kIgnored[] = {kRotaryBuffers};

HyperParams from_hf(const nlohmann::json& json, const std::string& where) {
  const HfConfig config(json, where);
  HyperParams hp = sizes_from_hf(config, {.kv_heads = 32, .context_length = 32768});
  hp.activation = activation_from_hf(config, "hidden_act", "silu");
  hp.rope = rope_from_hf(config, 10000);
  qwen_window_from_hf(config, hp);
  return hp;
}

HyperParams from_gguf(const GgufFile& file) {
  return from_gguf_keys(file, "qwen2");
}

}  // namespace

const FamilyRow kQwen2Family = {
    .name = "qwen2",
    .hf_architectures = kArchitectures,
    .hf_model_type = "qwen2",
    .gguf_arch = "qwen2",
    .tensors = kTensors,
    .ignored = kIgnored,
    .from_hf = from_hf,
    .from_gguf = from_gguf,
    .to_hf = qwen_window_to_hf,
    .to_gguf = refuse_window_in_gguf,
    .oracle = "transformers Qwen2ForCausalLM",
};

}  // namespace fettle
