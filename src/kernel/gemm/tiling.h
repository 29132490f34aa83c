// The sizes all loop nests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/plan.h"

namespace fettle {

/// Columns of a tile: four vectors of 16, as many as the microkernels keep in registers at once.
constexpr int64_t kPanel = 64;
/// Longest piece of a contraction packed at once: 64 × 768 bf16 = 96 kB stay in L2 beside the tile.
constexpr int64_t kMaxChunk = 768;

/// Even pieces of a contraction, multiples of the largest storage block (256).
inline int64_t chunk_length(int64_t k) {
  const int64_t pieces = (k + kMaxChunk - 1) / kMaxChunk;
  return pieces == 1 ? k : round_up((k + pieces - 1) / pieces, 256);
}

/// Columns of a packed panel that holds n. At least 32: libxsmm splits the sum of a kernel with 16 columns
/// and less than 12 rows over several accumulators, and a row's bits would depend on how many rows are
/// computed with it.
inline int64_t padded_columns(int64_t n) {
  return n <= 32 ? 32 : round_up(n, 16);
}

inline int64_t panel_count(int64_t n, int64_t width) {
  return (n + width - 1) / width;
}

/// Zeroes columns [from, ld) of a packed panel of `rows` rows of 32-bit lanes.
inline void clear_columns(std::byte* panel, int64_t rows, int64_t ld, int64_t from) {
  if (from == ld) return;
  for (int64_t i = 0; i < rows; ++i) std::memset(panel + (i * ld + from) * 4, 0, size_t(ld - from) * 4);
}

}  // namespace fettle
