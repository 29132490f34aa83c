// Gemma 3, its text part: norms of 1 + w on both sides of every block and over heads, a scaled embedding, and
// five layers with a sliding window to one without.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "model/arch/rows.h"
#include "model/arch/shared_keys.h"
#include "model/arch/tensor_rows.h"

namespace fettle {

namespace {

using namespace tensor_rows;  // NOLINT: a table of these

constexpr std::string_view kArchitectures[] = {"Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"};

constexpr TensorRow kTensors[] = {
    kTokenEmbd,
    one_less_in_hf(kAttnNorm),
    kAttnQ,
    one_less_in_hf(kAttnQNorm),
    kAttnK,
    one_less_in_hf(kAttnKNorm),
    kAttnV,
    kAttnO,
    one_less_in_hf(vector(Role::attn_post_norm, "model.layers.{i}.post_attention_layernorm.weight",
                          "blk.{i}.post_attention_norm.weight", Dim::hidden)),
    one_less_in_hf(vector(Role::mlp_norm, "model.layers.{i}.pre_feedforward_layernorm.weight",
                          "blk.{i}.ffn_norm.weight", Dim::hidden)),
    kMlpGate,
    kMlpUp,
    kMlpDown,
    one_less_in_hf(vector(Role::mlp_post_norm, "model.layers.{i}.post_feedforward_layernorm.weight",
                          "blk.{i}.post_ffw_norm.weight", Dim::hidden)),
    one_less_in_hf(kOutNorm),
    kHead,
};

constexpr std::string_view kNoImages = "they read images; only text is supported";
constexpr IgnoredTensors kIgnored[] = {
    kRotaryBuffers,
    {"vision_tower.*", kNoImages},
    {"model.vision_tower.*", kNoImages},
    {"multi_modal_projector.*", kNoImages},
    {"model.multi_modal_projector.*", kNoImages},
};

constexpr ModuleRoot kRoots[] = {
    {"Gemma3ForConditionalGeneration", "model.", "model.language_model."},
};

constexpr double kGlobalTheta = 1e6, kLocalTheta = 1e4;
constexpr int64_t kPattern = 6;  // every sixth layer sees everything

// transformers 5 keys rotary parameters by kind of layer; before, the local layers' base had a key of its
// own.
void rope_from_hf_by_layer(const HfConfig& config, HyperParams& hp) {
  const nlohmann::json* parameters = config.object_or_null("rope_parameters");
  if (parameters == nullptr) {
    hp.rope = rope_from_hf(config, kGlobalTheta);
    hp.local_rope = RopeParams{.theta = config.number_or("rope_local_base_freq", kLocalTheta)};
    return;
  }
  const std::string where = fmt::format("{}: rope_parameters", config.where());
  const HfConfig by_layer(*parameters, where);
  const auto of = [&](const char* kind, double theta) {
    const nlohmann::json* object = by_layer.object_or_null(kind);
    return object == nullptr ? RopeParams{.theta = theta}
                             : rope_from_object({*object, fmt::format("{}: {}", where, kind)}, theta);
  };
  hp.rope = of("full_attention", kGlobalTheta);
  hp.local_rope = of("sliding_attention", kLocalTheta);
}

float embed_scale_of(const HyperParams& hp) {
  return float(std::sqrt(double(hp.hidden)));
}

void refuse_soft_caps(const HfConfig& config) {
  for (const char* key : {"final_logit_softcapping", "attn_logit_softcapping"})
    if (config.has(key)) refuse(fmt::format("{} is set: soft caps are not supported", key), config.where());
}

HyperParams from_hf(const nlohmann::json& json, const std::string& where) {
  const HfConfig whole(json, where);
  const nlohmann::json* text = whole.object_or_null("text_config");
  const HfConfig config(text != nullptr ? *text : json,
                        text != nullptr ? fmt::format("{}: text_config", where) : where);
  refuse_flags(config, {"attention_bias", "use_bidirectional_attention"});
  refuse_soft_caps(config);
  HyperParams hp = sizes_from_hf(config, {.vocab_size = 262208,
                                          .heads = 8,
                                          .kv_heads = 4,
                                          .head_dim = 256,
                                          .context_length = 131072,
                                          .tied_head = whole.flag_or("tie_word_embeddings", true)});
  hp.activation = activation_from_hf(config, "hidden_activation", "gelu_pytorch_tanh");
  hp.embed_scale = embed_scale_of(hp);
  hp.query_scalar = config.number_or("query_pre_attn_scalar", 256);
  hp.sliding_window = config.integer_or("sliding_window", 4096);
  const int64_t pattern = config.integer_or("sliding_window_pattern", kPattern);
  if (pattern < 1) refuse(fmt::format("sliding_window_pattern is {}", pattern), config.where());
  hp.local_layers =
      local_layers_from_hf(config, hp.layers, [pattern](int64_t i) { return (i + 1) % pattern != 0; });
  rope_from_hf_by_layer(config, hp);
  return hp;
}

constexpr int64_t kLayersOf27B = 62;

// llama.cpp tells the one size that divides scores by √(hidden / heads) from its number of layers.
double query_scalar_in_gguf(const HyperParams& hp) {
  return hp.layers == kLayersOf27B && hp.heads > 0 ? double(hp.hidden) / double(hp.heads) : 0;
}

HyperParams from_gguf(const GgufFile& file) {
  if (file.number_or("gemma3.final_logit_softcapping", 0) != 0)
    refuse("gemma3.final_logit_softcapping is set: soft caps are not supported", file.where());
  HyperParams hp = from_gguf_keys(file, "gemma3");
  hp.activation = Activation::gelu_tanh;
  hp.embed_scale = embed_scale_of(hp);
  // What llama.cpp has in its program, not in the file: the pattern, the local base and the scale of scores.
  hp.query_scalar = query_scalar_in_gguf(hp);
  hp.local_rope = RopeParams{.theta = file.number_or("gemma3.rope.freq_base_swa", kLocalTheta)};
  const int64_t pattern = file.integer_or("gemma3.attention.sliding_window_pattern", kPattern);
  if (pattern < 1)
    refuse(fmt::format("gemma3.attention.sliding_window_pattern is {}", pattern), file.where());
  for (int64_t i = 0; i < hp.layers; ++i) hp.local_layers.push_back((i + 1) % pattern != 0);
  return hp;
}

// The class has an activation under another name than its neighbours, and scores scaled by a number of its
// own.
void to_hf(const HyperParams& hp, nlohmann::json& config) {
  config["hidden_activation"] = config["hidden_act"];
  config.erase("hidden_act");
  const double scalar = hp.query_scalar > 0 ? hp.query_scalar : double(hp.head_dim);
  if (scalar == std::floor(scalar))
    config["query_pre_attn_scalar"] = int64_t(scalar);  // transformers takes no 256.0 for an integer
  else
    config["query_pre_attn_scalar"] = scalar;
  if (hp.local_rope) config["rope_local_base_freq"] = hp.local_rope->theta;
}

// Every how many layers one sees everything; Error where the layers follow no such rule.
int64_t pattern_of(const HyperParams& hp) {
  const auto fits = [&](int64_t pattern) {
    for (int64_t i = 0; i < hp.layers; ++i)
      if (hp.is_local(i) != ((i + 1) % pattern != 0)) return false;
    return true;
  };
  if (fits(kPattern)) return kPattern;
  for (int64_t pattern = 1; pattern <= hp.layers + 1; ++pattern)
    if (fits(pattern)) return pattern;
  refuse("layers with and without a window that follow no pattern cannot be said in a GGUF", "layer_types",
         "export to export_format: hf");
}

void to_gguf(const HyperParams& hp, GgufMetadata& metadata) {
  HyperParams read = hp;
  read.query_scalar = query_scalar_in_gguf(hp);
  if (read.score_scale() != hp.score_scale())
    refuse(fmt::format("query_pre_attn_scalar {} cannot be said in a GGUF", hp.query_scalar), "config.json",
           "export to export_format: hf");
  if (const int64_t pattern = pattern_of(hp); pattern != kPattern)
    metadata.set_u32("gemma3.attention.sliding_window_pattern", uint32_t(pattern));
  if (hp.local_rope) metadata.set_f32("gemma3.rope.freq_base_swa", float(hp.local_rope->theta));
}

}  // namespace

const FamilyRow kGemma3Family = {
    .name = "gemma3",
    .hf_architectures = kArchitectures,
    .hf_model_type = "gemma3_text",
    .gguf_arch = "gemma3",
    .tensors = kTensors,
    .ignored = kIgnored,
    .module_roots = kRoots,
    .from_hf = from_hf,
    .from_gguf = from_gguf,
    .to_hf = to_hf,
    .to_gguf = to_gguf,
    .oracle = "transformers Gemma3ForCausalLM",
};

}  // namespace fettle
