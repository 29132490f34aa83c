// The sizes all loop nests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/buf.h"
#include "base/plan.h"

namespace fettle {

/// Columns of a tile: four vectors of 16, as many as the microkernels keep in registers at once.
constexpr int64_t kPanel = 64;
/// Longest piece of a contraction packed at once: 64 × 768 bf16 = 96 kB stay in L2 beside the tile.
constexpr int64_t kMaxChunk = 768;

/// A tile's whole contraction is packed at once where it takes no more than this: then every block of rows is
/// multiplied through and finished while its sums are in L1, and no panel is decoded twice for want of room
/// for sums.
constexpr int64_t kMaxPanelBytes = 512 << 10;
/// Where it takes more: most rows whose sums wait from one part of the contraction to the next. 64 columns of
/// f32: 192 kB.
constexpr int64_t kMaxGroupRows = 768;

/// Even pieces of a contraction, multiples of the largest storage block (256).
inline int64_t chunk_length(int64_t k) {
  const int64_t pieces = (k + kMaxChunk - 1) / kMaxChunk;
  return pieces == 1 ? k : round_up((k + pieces - 1) / pieces, 256);
}

/// Columns of a packed panel that holds n.
inline int64_t padded_columns(int64_t n) {
  return round_up(n, 16);
}

inline int64_t panel_count(int64_t n, int64_t width) {
  return (n + width - 1) / width;
}

/// Asks for the lines that a tile is written to, while it is computed: a store that misses waits for memory
/// too.
inline void prefetch_for_write(const Buf& out, int64_t row, int64_t rows, int64_t col, int64_t cols) {
  const int64_t bytes = cols * out.element_bytes();
  const std::byte* at = static_cast<const std::byte*>(out.p) + (row * out.ld + col) * out.element_bytes();
  for (int64_t r = 0; r < rows; ++r, at += out.ld * out.element_bytes()) {
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(at + i, 1, 2);
  }
}

/// Zeroes columns [from, ld) of a packed panel of `rows` rows of 32-bit lanes.
inline void clear_columns(std::byte* panel, int64_t rows, int64_t ld, int64_t from) {
  if (from == ld) return;
  for (int64_t i = 0; i < rows; ++i) std::memset(panel + (i * ld + from) * 4, 0, size_t(ld - from) * 4);
}

}  // namespace fettle
