#include "model/arch/shared_keys.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf.h"

namespace fettle {

void refuse(std::string what, const std::string& where, std::string hint) {
  throw Error({.what = std::move(what), .where = where, .hint = std::move(hint)});
}

void refuse_flags(const HfConfig& config, std::initializer_list<std::string_view> keys) {
  for (std::string_view key : keys)
    if (config.flag_or(key, false)) refuse(fmt::format("{}: true is not supported", key), config.where());
}

HyperParams sizes_from_hf(const HfConfig& config, const HfDefaults& defaults) {
  const auto required_or = [&](std::string_view key, int64_t fallback) {
    return fallback > 0 ? config.integer_or(key, fallback) : config.integer(key);
  };
  HyperParams hp;
  hp.vocab_size = required_or("vocab_size", defaults.vocab_size);
  hp.layers = config.integer("num_hidden_layers");
  hp.hidden = config.integer("hidden_size");
  hp.heads = required_or("num_attention_heads", defaults.heads);
  hp.kv_heads =
      config.integer_or("num_key_value_heads", defaults.kv_heads > 0 ? defaults.kv_heads : hp.heads);
  const int64_t split = hp.heads > 0 ? hp.hidden / hp.heads : 0;
  hp.head_dim = config.integer_or("head_dim", defaults.head_dim > 0 ? defaults.head_dim : split);
  hp.ffn = config.integer("intermediate_size");
  hp.context_length = config.integer_or("max_position_embeddings", defaults.context_length);
  hp.norm_eps = float(config.number_or("rms_norm_eps", 1e-6));
  hp.tied_head = config.flag_or("tie_word_embeddings", defaults.tied_head);
  return hp;
}

Activation activation_from_hf(const HfConfig& config, std::string_view key, const std::string& fallback) {
  const std::string name = config.text_or(key, fallback);
  if (name == "silu" || name == "swish") return Activation::silu;
  if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::gelu_tanh;
  refuse(fmt::format("{} '{}' is not supported", key, name), config.where(),
         "known: silu, gelu_pytorch_tanh");
}

RopeParams rope_from_object(const HfConfig& object, double theta) {
  RopeParams rope;
  rope.theta = object.number_or("rope_theta", theta);
  if (object.number_or("partial_rotary_factor", 1) != 1)
    refuse("partial_rotary_factor: rotating a part of each head is not supported here", object.where());
  const std::string kind = object.text_or("rope_type", object.text_or("type", "default"));
  if (kind == "default") return rope;
  rope.factor = object.number("factor");
  if (kind == "linear") {
    rope.kind = RopeKind::linear;
  } else if (kind == "llama3") {
    rope.kind = RopeKind::llama3;
    rope.low_freq_factor = object.number("low_freq_factor");
    rope.high_freq_factor = object.number("high_freq_factor");
    rope.original_context = object.number("original_max_position_embeddings");
  } else {
    refuse(fmt::format("RoPE scaling '{}' is not supported", kind), object.where(),
           "known: default, linear, llama3");
  }
  return rope;
}

RopeParams rope_from_hf(const HfConfig& config, double theta) {
  theta = config.number_or("rope_theta", theta);
  // transformers 5 writes one object where earlier ones wrote rope_theta beside rope_scaling.
  const char* key = config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  const nlohmann::json* object = config.object_or_null(key);
  if (object == nullptr) return {.theta = theta};
  return rope_from_object({*object, fmt::format("{}: {}", config.where(), key)}, theta);
}

std::vector<bool> local_layers_from_hf(const HfConfig& config, int64_t layers,
                                       const std::function<bool(int64_t)>& fallback) {
  std::vector<bool> local;
  if (!config.has("layer_types")) {
    for (int64_t i = 0; i < layers; ++i) local.push_back(fallback(i));
    return local;
  }
  const nlohmann::json& types = config.json().at("layer_types");
  if (!types.is_array() || int64_t(types.size()) != layers)
    refuse(fmt::format("layer_types is no list of {} texts", layers), config.where());
  for (const nlohmann::json& type : types) {
    if (type != "full_attention" && type != "sliding_attention")
      refuse(fmt::format("layer_types has {}: this kind of layer is not supported", type.dump()),
             config.where(), "known: full_attention, sliding_attention");
    local.push_back(type == "sliding_attention");
  }
  return local;
}

void qwen_window_from_hf(const HfConfig& config, HyperParams& hp) {
  if (!config.flag_or("use_sliding_window", false)) return;
  hp.sliding_window = config.integer_or("sliding_window", 4096);
  const int64_t first = config.integer_or("max_window_layers", 28);
  hp.local_layers = local_layers_from_hf(config, hp.layers, [first](int64_t i) { return i >= first; });
}

void qwen_window_to_hf(const HyperParams& hp, nlohmann::json& config) {
  if (hp.sliding_window == 0) return;
  config["use_sliding_window"] = true;
  if (hp.local_layers.empty()) config["max_window_layers"] = 0;  // all of them
}

void refuse_window_in_gguf(const HyperParams& hp, GgufMetadata&) {
  if (hp.sliding_window > 0)
    refuse("layers with a sliding window cannot be said in a GGUF of this family", "sliding_window",
           "export to export_format: hf");
}

namespace {

/// A GGUF's metadata under "ARCH.".
class Keys {
 public:
  Keys(const GgufFile& file, std::string_view arch) : file_(file), arch_(arch) {}
  std::string name(std::string_view key) const { return fmt::format("{}.{}", arch_, key); }
  bool has(std::string_view key) const { return file_.has(name(key)); }
  int64_t integer(std::string_view key) const { return file_.integer(name(key)); }
  int64_t integer_or(std::string_view key, int64_t fallback) const {
    return file_.integer_or(name(key), fallback);
  }
  double number(std::string_view key) const { return file_.number(name(key)); }
  double number_or(std::string_view key, double fallback) const {
    return file_.number_or(name(key), fallback);
  }
  std::string text_or(std::string_view key, std::string fallback) const {
    return file_.text_or(name(key), std::move(fallback));
  }

 private:
  const GgufFile& file_;
  std::string_view arch_;
};

RopeParams rope_from_gguf(const Keys& keys, int64_t head_dim, const std::string& where) {
  RopeParams rope;
  rope.theta = keys.number_or("rope.freq_base", 10000);
  if (const int64_t n = keys.integer_or("rope.dimension_count", head_dim); n != head_dim)
    refuse(fmt::format("{} is {}, the head has {}: rotating a part of each head is not supported here",
                       keys.name("rope.dimension_count"), n, head_dim),
           where);
  const std::string kind = keys.text_or("rope.scaling.type", "none");
  if (kind == "linear") {
    rope.kind = RopeKind::linear;
    rope.factor = keys.number("rope.scaling.factor");
  } else if (kind == "none" && keys.has("rope.scale_linear")) {  // the key's name in 2023
    rope.kind = RopeKind::linear;
    rope.factor = keys.number("rope.scale_linear");
  } else if (kind != "none") {
    refuse(fmt::format("{} '{}' is not supported", keys.name("rope.scaling.type"), kind), where,
           "known: none, linear");
  }
  return rope;
}

}  // namespace

HyperParams from_gguf_keys(const GgufFile& file, std::string_view arch) {
  const Keys keys(file, arch);
  if (const int64_t experts = keys.integer_or("expert_count", 0); experts > 0)
    refuse(fmt::format("{} is {}: mixtures of experts are not supported yet", keys.name("expert_count"),
                       experts),
           file.where());
  HyperParams hp;
  const TensorEntry* embedding = file.find("token_embd.weight");
  const int64_t rows = embedding != nullptr && !embedding->shape.empty() ? embedding->shape[0] : 0;
  hp.vocab_size = keys.integer_or("vocab_size", rows);
  hp.layers = keys.integer("block_count");
  hp.hidden = keys.integer("embedding_length");
  hp.heads = keys.integer("attention.head_count");
  hp.kv_heads = keys.integer_or("attention.head_count_kv", hp.heads);
  hp.head_dim = keys.integer_or("attention.key_length", hp.heads > 0 ? hp.hidden / hp.heads : 0);
  if (const int64_t v = keys.integer_or("attention.value_length", hp.head_dim); v != hp.head_dim)
    refuse(fmt::format("{} is {}, key_length {}: they must be equal", keys.name("attention.value_length"), v,
                       hp.head_dim),
           file.where());
  hp.ffn = keys.integer("feed_forward_length");
  hp.context_length = keys.integer_or("context_length", 2048);
  hp.sliding_window = keys.integer_or("attention.sliding_window", 0);
  hp.norm_eps = float(keys.number("attention.layer_norm_rms_epsilon"));
  hp.tied_head = file.find("output.weight") == nullptr;
  hp.rope = rope_from_gguf(keys, hp.head_dim, file.where());
  return hp;
}

}  // namespace fettle
