// Llama and what is laid out like it: SmolLM and SmolLM2, Llama 2 and 3.x, Mistral.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf.h"
#include "model/arch/hf_config.h"
#include "model/arch/rows.h"

namespace fettle {

namespace {

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
    {.role = Role::token_embd,
     .hf = "model.embed_tokens.weight",
     .gguf = "token_embd.weight",
     .rows = Dim::vocab,
     .cols = Dim::hidden},
    {.role = Role::attn_norm,
     .hf = "model.layers.{i}.input_layernorm.weight",
     .gguf = "blk.{i}.attn_norm.weight",
     .rows = Dim::none,
     .cols = Dim::hidden},
    {.role = Role::attn_q,
     .hf = "model.layers.{i}.self_attn.q_proj.weight",
     .gguf = "blk.{i}.attn_q.weight",
     .rows = Dim::q,
     .cols = Dim::hidden,
     .order = RowOrder::gguf_interleaved,
     .lora = "q_proj"},
    {.role = Role::attn_k,
     .hf = "model.layers.{i}.self_attn.k_proj.weight",
     .gguf = "blk.{i}.attn_k.weight",
     .rows = Dim::kv,
     .cols = Dim::hidden,
     .order = RowOrder::gguf_interleaved,
     .lora = "k_proj"},
    {.role = Role::attn_v,
     .hf = "model.layers.{i}.self_attn.v_proj.weight",
     .gguf = "blk.{i}.attn_v.weight",
     .rows = Dim::kv,
     .cols = Dim::hidden,
     .lora = "v_proj"},
    {.role = Role::attn_o,
     .hf = "model.layers.{i}.self_attn.o_proj.weight",
     .gguf = "blk.{i}.attn_output.weight",
     .rows = Dim::hidden,
     .cols = Dim::q,
     .lora = "o_proj"},
    {.role = Role::mlp_norm,
     .hf = "model.layers.{i}.post_attention_layernorm.weight",
     .gguf = "blk.{i}.ffn_norm.weight",
     .rows = Dim::none,
     .cols = Dim::hidden},
    {.role = Role::mlp_gate,
     .hf = "model.layers.{i}.mlp.gate_proj.weight",
     .gguf = "blk.{i}.ffn_gate.weight",
     .rows = Dim::ffn,
     .cols = Dim::hidden,
     .lora = "gate_proj"},
    {.role = Role::mlp_up,
     .hf = "model.layers.{i}.mlp.up_proj.weight",
     .gguf = "blk.{i}.ffn_up.weight",
     .rows = Dim::ffn,
     .cols = Dim::hidden,
     .lora = "up_proj"},
    {.role = Role::mlp_down,
     .hf = "model.layers.{i}.mlp.down_proj.weight",
     .gguf = "blk.{i}.ffn_down.weight",
     .rows = Dim::hidden,
     .cols = Dim::ffn,
     .lora = "down_proj"},
    {.role = Role::out_norm,
     .hf = "model.norm.weight",
     .gguf = "output_norm.weight",
     .rows = Dim::none,
     .cols = Dim::hidden},
    {.role = Role::head,
     .hf = "lm_head.weight",
     .gguf = "output.weight",
     .rows = Dim::vocab,
     .cols = Dim::hidden,
     .optional = true},
    {.role = Role::rope_freqs,
     .hf = "",
     .gguf = "rope_freqs.weight",
     .rows = Dim::none,
     .cols = Dim::half_rope,
     .optional = true},
};

constexpr std::string_view kIgnored[] = {"*.rotary_emb.inv_freq", "*.attn_rot_embd.weight"};

[[noreturn]] void refuse(std::string what, const std::string& where, std::string hint = {}) {
  throw Error({.what = std::move(what), .where = where, .hint = std::move(hint)});
}

RopeParams rope_from_hf(const HfConfig& config) {
  RopeParams rope;
  rope.theta = config.number_or("rope_theta", 10000);
  // transformers 5 writes one object where earlier ones wrote rope_theta beside rope_scaling.
  const char* key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const nlohmann::json* object = config.object_or_null(key);
  if (object == nullptr) return rope;
  const HfConfig scaling(*object, fmt::format("{}: {}", config.where(), key));
  rope.theta = scaling.number_or("rope_theta", rope.theta);
  if (scaling.number_or("partial_rotary_factor", 1) != 1)
    refuse("partial_rotary_factor: rotating a part of each head is not supported here", scaling.where());
  const std::string kind = scaling.text_or("rope_type", scaling.text_or("type", "default"));
  if (kind == "default") return rope;
  rope.factor = scaling.number("factor");
  if (kind == "linear") {
    rope.kind = RopeKind::linear;
  } else if (kind == "llama3") {
    rope.kind = RopeKind::llama3;
    rope.low_freq_factor = scaling.number("low_freq_factor");
    rope.high_freq_factor = scaling.number("high_freq_factor");
    rope.original_context = scaling.number("original_max_position_embeddings");
  } else {
    refuse(fmt::format("RoPE scaling '{}' is not supported", kind), scaling.where(),
           "known: default, linear, llama3");
  }
  return rope;
}

Activation activation_from_hf(const HfConfig& config) {
  const std::string name = config.text_or("hidden_act", "silu");
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::gelu_tanh;
  refuse(fmt::format("hidden_act '{}' is not supported", name), config.where(),
         "known: silu, gelu_pytorch_tanh");
}

const ClassDefaults& defaults_of(const HfConfig& config) {
  const nlohmann::json& names = config.json().at("architectures");
  for (const ClassDefaults& d : kDefaults)
    if (names.at(0) == d.architecture) return d;
  FETTLE_CHECK(false, "a family row without defaults");
}

void refuse_what_is_not_llama(const HfConfig& config) {
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (config.flag_or(key, false))
      refuse(fmt::format("{}: true is not supported: biases of projections", key), config.where());
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
  HyperParams hp;
  hp.vocab_size = config.integer("vocab_size");
  hp.layers = config.integer("num_hidden_layers");
  hp.hidden = config.integer("hidden_size");
  hp.heads = config.integer("num_attention_heads");
  hp.kv_heads =
      config.integer_or("num_key_value_heads", defaults.kv_heads > 0 ? defaults.kv_heads : hp.heads);
  hp.head_dim = config.integer_or("head_dim", hp.heads > 0 ? hp.hidden / hp.heads : 0);
  hp.ffn = config.integer("intermediate_size");
  hp.context_length = config.integer_or("max_position_embeddings", 2048);
  if (defaults.sliding_window > 0)
    hp.sliding_window =
        json.contains("sliding_window") ? config.integer_or("sliding_window", 0) : defaults.sliding_window;
  hp.norm_eps = float(config.number_or("rms_norm_eps", 1e-6));
  hp.tied_head = config.flag_or("tie_word_embeddings", false);
  hp.activation = activation_from_hf(config);
  hp.rope = rope_from_hf(config);
  return hp;
}

RopeParams rope_from_gguf(const GgufFile& file, int64_t head_dim) {
  RopeParams rope;
  rope.theta = file.number_or("llama.rope.freq_base", 10000);
  if (const int64_t n = file.integer_or("llama.rope.dimension_count", head_dim); n != head_dim)
    refuse(
        fmt::format("llama.rope.dimension_count is {}, the head has {}: rotating a part of each head is not "
                    "supported here",
                    n, head_dim),
        file.where());
  const std::string kind = file.text_or("llama.rope.scaling.type", "none");
  if (kind == "linear") {
    rope.kind = RopeKind::linear;
    rope.factor = file.number("llama.rope.scaling.factor");
  } else if (kind == "none" && file.has("llama.rope.scale_linear")) {  // the key's name in 2023
    rope.kind = RopeKind::linear;
    rope.factor = file.number("llama.rope.scale_linear");
  } else if (kind != "none") {
    refuse(fmt::format("llama.rope.scaling.type '{}' is not supported", kind), file.where(),
           "known: none, linear");
  }
  return rope;
}

HyperParams from_gguf(const GgufFile& file) {
  if (file.integer_or("llama.expert_count", 0) > 0)
    refuse(fmt::format("llama.expert_count is {}: mixtures of experts are not supported yet",
                       file.integer("llama.expert_count")),
           file.where());
  HyperParams hp;
  const TensorEntry* embedding = file.find("token_embd.weight");
  hp.vocab_size = file.has("llama.vocab_size")                        ? file.integer("llama.vocab_size")
                  : embedding != nullptr && !embedding->shape.empty() ? embedding->shape[0]
                                                                      : 0;
  hp.layers = file.integer("llama.block_count");
  hp.hidden = file.integer("llama.embedding_length");
  hp.heads = file.integer("llama.attention.head_count");
  hp.kv_heads = file.integer_or("llama.attention.head_count_kv", hp.heads);
  hp.head_dim = file.integer_or("llama.attention.key_length", hp.heads > 0 ? hp.hidden / hp.heads : 0);
  if (const int64_t v = file.integer_or("llama.attention.value_length", hp.head_dim); v != hp.head_dim)
    refuse(
        fmt::format("llama.attention.value_length is {}, key_length {}: they must be equal", v, hp.head_dim),
        file.where());
  hp.ffn = file.integer("llama.feed_forward_length");
  hp.context_length = file.integer_or("llama.context_length", 2048);
  hp.sliding_window = file.integer_or("llama.attention.sliding_window", 0);
  hp.norm_eps = float(file.number("llama.attention.layer_norm_rms_epsilon"));
  hp.tied_head = file.find("output.weight") == nullptr;
  hp.rope = rope_from_gguf(file, hp.head_dim);
  return hp;
}

}  // namespace

const FamilyRow kLlamaFamily = {
    .name = "llama",
    .hf_architectures = kArchitectures,
    .gguf_arch = "llama",
    .tensors = kTensors,
    .ignored = kIgnored,
    .from_hf = from_hf,
    .from_gguf = from_gguf,
    .oracle = "transformers LlamaForCausalLM, MistralForCausalLM",
};

}  // namespace fettle
