// What a model's config says, in our names. Everything that varies between families of one skeleton is a
// field.
#pragma once

#include <cmath>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/ops.h"

namespace fettle {

enum class RopeKind : uint8_t { plain, linear, llama3 };

struct RopeParams {
  RopeKind kind = RopeKind::plain;
  double theta = 10000;
  double factor = 1;                                                          // linear, llama3
  double low_freq_factor = 1, high_freq_factor = 4, original_context = 8192;  // llama3
  std::vector<float>
      freq_divisors;  // GGUF rope_freqs.weight: divides each frequency; empty: computed from the fields

  bool operator==(const RopeParams&) const = default;
};

struct HyperParams {
  int64_t vocab_size = 0, layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, ffn = 0;
  int64_t context_length = 2048;
  int64_t sliding_window = 0;            // 0: none
  std::vector<bool> local_layers;        // [layers] which of them have that window; empty: all
  std::optional<RopeParams> local_rope;  // of these layers; none: `rope`
  float norm_eps = 1e-5f;
  float embed_scale = 1;
  double query_scalar = 0;  // scores are divided by its square root; 0: head_dim
  bool tied_head = false;
  Activation activation = Activation::silu;
  RopeParams rope;

  int64_t q_dim() const { return heads * head_dim; }
  int64_t kv_dim() const { return kv_heads * head_dim; }
  float score_scale() const {
    return float(1 / std::sqrt(query_scalar > 0 ? query_scalar : double(head_dim)));
  }
  bool is_local(int64_t layer) const {
    return local_layers.empty() ? sliding_window > 0 : bool(local_layers[size_t(layer)]);
  }
  int64_t window(int64_t layer) const { return is_local(layer) ? sliding_window : 0; }

  bool operator==(const HyperParams&) const = default;
};

}  // namespace fettle
