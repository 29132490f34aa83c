#include "model/arch/write_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/gguf_writer.h"
#include "model/rope.h"

namespace fettle {

namespace {

struct SizeRow {
  const char* hf;
  const char* gguf;  // behind "ARCH."
  int64_t HyperParams::*field;
};
constexpr SizeRow kSizes[] = {
    {"vocab_size", "vocab_size", &HyperParams::vocab_size},
    {"max_position_embeddings", "context_length", &HyperParams::context_length},
    {"hidden_size", "embedding_length", &HyperParams::hidden},
    {"num_hidden_layers", "block_count", &HyperParams::layers},
    {"intermediate_size", "feed_forward_length", &HyperParams::ffn},
    {"num_attention_heads", "attention.head_count", &HyperParams::heads},
    {"num_key_value_heads", "attention.head_count_kv", &HyperParams::kv_heads},
    {"head_dim", "attention.key_length", &HyperParams::head_dim},
};

const char* activation_name(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return "silu";
    case Activation::gelu_tanh:
      return "gelu_pytorch_tanh";
  }
  FETTLE_CHECK(false, "activation {}", int(activation));
}

// The shortest decimal that is this f32, so that 1e-5f does not come out as 9.999999747378752e-06.
double shortest(float x) {
  return std::stod(fmt::format("{}", x));
}

// GGUF keeps only the divisors that Llama 3's formula gave. All its models use these three numbers.
std::optional<RopeParams> as_llama3(const RopeParams& rope, int64_t head_dim) {
  RopeParams formula = rope;
  formula.kind = RopeKind::llama3;
  formula.freq_divisors.clear();
  formula.low_freq_factor = 1;
  formula.high_freq_factor = 4;
  formula.original_context = 8192;
  formula.factor = *std::ranges::max_element(rope.freq_divisors);
  const auto wanted = rope_frequencies(rope, head_dim), got = rope_frequencies(formula, head_dim);
  for (size_t i = 0; i < wanted.size(); ++i)
    if (std::abs(got[i] - wanted[i]) > 1e-5 * wanted[i]) return std::nullopt;
  return formula;
}

nlohmann::json rope_scaling(const RopeParams& given, int64_t head_dim) {
  RopeParams rope = given;
  if (!rope.freq_divisors.empty()) {
    const auto formula = rope.kind == RopeKind::plain ? as_llama3(rope, head_dim) : std::nullopt;
    if (!formula)
      throw Error(
          {.what =
               "the divisors of the rotary frequencies are not those of Llama 3's formula, and config.json "
               "cannot say others",
           .where = "rope_freqs.weight",
           .hint = "export to a GGUF format, which keeps the tensor"});
    rope = *formula;
  }
  switch (rope.kind) {
    case RopeKind::plain:
      return nullptr;
    case RopeKind::linear:
      return {{"rope_type", "linear"}, {"factor", rope.factor}};
    case RopeKind::llama3:
      return {{"rope_type", "llama3"},
              {"factor", rope.factor},
              {"low_freq_factor", rope.low_freq_factor},
              {"high_freq_factor", rope.high_freq_factor},
              {"original_max_position_embeddings", int64_t(rope.original_context)}};
  }
  FETTLE_CHECK(false, "rope kind {}", int(rope.kind));
}

}  // namespace

nlohmann::json config_json(const FamilyRow& family, const HyperParams& hp) {
  nlohmann::json config = {{"architectures", {family.hf_architectures.front()}},
                           {"model_type", family.hf_model_type},
                           {"hidden_act", activation_name(hp.activation)},
                           {"rms_norm_eps", shortest(hp.norm_eps)},
                           {"rope_theta", hp.rope.theta},
                           {"tie_word_embeddings", hp.tied_head},
                           {"use_cache", true}};
  for (const SizeRow& row : kSizes) config[row.hf] = hp.*row.field;
  if (const nlohmann::json scaling = rope_scaling(hp.rope, hp.head_dim); !scaling.is_null())
    config["rope_scaling"] = scaling;
  if (hp.sliding_window > 0) config["sliding_window"] = hp.sliding_window;
  for (const bool local : hp.local_layers)
    config["layer_types"].push_back(local ? "sliding_attention" : "full_attention");
  if (family.to_hf != nullptr) family.to_hf(hp, config);
  return config;
}

void set_gguf_keys(const FamilyRow& family, const HyperParams& hp, GgufMetadata& metadata) {
  metadata.set_text("general.architecture", family.gguf_arch);
  const auto key = [&](const char* name) { return fmt::format("{}.{}", family.gguf_arch, name); };
  for (const SizeRow& row : kSizes) metadata.set_u32(key(row.gguf), uint32_t(hp.*row.field));
  metadata.set_u32(key("attention.value_length"), uint32_t(hp.head_dim));
  metadata.set_f32(key("attention.layer_norm_rms_epsilon"), hp.norm_eps);
  metadata.set_u32(key("rope.dimension_count"), uint32_t(hp.head_dim));
  metadata.set_f32(key("rope.freq_base"), float(hp.rope.theta));
  if (hp.rope.kind == RopeKind::linear) {
    metadata.set_text(key("rope.scaling.type"), "linear");
    metadata.set_f32(key("rope.scaling.factor"), float(hp.rope.factor));
  }
  if (hp.sliding_window > 0) metadata.set_u32(key("attention.sliding_window"), uint32_t(hp.sliding_window));
  if (family.to_gguf != nullptr) family.to_gguf(hp, metadata);
}

}  // namespace fettle
