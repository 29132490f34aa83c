// A seeded permutation.
#pragma once

#include <cstdint>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/rng.h"

namespace fettle {

/// 0 … count-1 in an order drawn from `rng` (Fisher and Yates), which may be drawn from further.
inline std::vector<int64_t> shuffled(int64_t count, Rng& rng) {
  FETTLE_CHECK(count >= 0 && count <= int64_t(std::numeric_limits<uint32_t>::max()), "{} to shuffle", count);
  std::vector<int64_t> order(static_cast<size_t>(count));
  std::iota(order.begin(), order.end(), 0);
  for (int64_t i = count - 1; i > 0; --i) std::swap(order[size_t(i)], order[rng.below(uint32_t(i + 1))]);
  return order;
}

}  // namespace fettle
