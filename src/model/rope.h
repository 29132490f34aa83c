// The cos and sin tables of rotary embedding, grown to the longest position seen.
#pragma once

#include <vector>

#include "model/hyper_params.h"

namespace fettle {

/// Inverse frequencies θ^(−2j/R), j < R/2, after scaling.
std::vector<double> rope_frequencies(const RopeParams& rope, int64_t rotary_dim);

class RopeCache {
 public:
  RopeCache(const RopeParams& rope, int64_t rotary_dim) : frequencies_(rope_frequencies(rope, rotary_dim)) {}

  /// Makes table() cover positions [0, count); allocates only when it grows.
  void cover(int64_t count);
  /// f32 [positions, R/2] each; the reference stays good, its buffers until the next cover() that grows.
  const RopeTable& table() const { return table_; }
  int64_t bytes() const { return int64_t((cos_.size() + sin_.size()) * sizeof(float)); }

 private:
  std::vector<double> frequencies_;
  std::vector<float> cos_, sin_;
  RopeTable table_;
};

}  // namespace fettle
