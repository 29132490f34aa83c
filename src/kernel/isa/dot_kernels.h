// Attention's tiles around products of bf16 (isa/dots.cpp). Only sets that multiply bf16 have them: every
// entry of the other sets' tables is null, and attention widens to f32.
//
// Rows of queries are columns here: scores lie as [keys, columns], so that maxima, sums and exponentials run
// down a vector, and what a product needs next is a pair of neighbouring rows interleaved, not a
// transposition. Probabilities keep 16 bits of mantissa, as the sum of two bf16 numbers: softmax stays as
// exact as in f32.
#pragma once

#include <cstdint>

namespace fettle {

/// Columns of a tile: pitch of all its arrays but where another is given.
constexpr int64_t kDotColumns = 64;

/// Which keys of a tile a column sees: [first, last). Both null: all of them.
struct DotSight {
  const int32_t *first = nullptr, *last = nullptr;
};

/// One key tile into the running softmax of `columns` columns (a multiple of 16). The scores s [keys, 64]
/// become probabilities 2^(factor·(s − maximum)) in pairs along keys, [keys/2, 64, 2], twice: their bf16
/// rounding, and that of what the rounding lost. An odd last key is completed by zeros. o [width, 64] and
/// total are brought to the new maximum.
struct DotSoftmax {
  const float* s;
  int64_t keys, columns;
  float factor;  // scale·log2 e
  DotSight sight;
  float *maximum, *total;  // of the scores as they are, and of the probabilities
  float* o;
  int64_t width;
  uint16_t *high, *low;
};

/// Backward of one key tile for 64 columns: p = 2^(factor·s − lse), ds = p·(dp − dot), 0 out of sight.
/// Written as p [keys, 64] in two parts, ds [keys, 64], and ds once more in pairs along keys, an odd last key
/// completed by zeros.
struct DotSoftmaxBackward {
  const float *s, *dp;
  int64_t keys;
  float factor;
  DotSight sight;
  const float *lse, *dot;  // lse·log2 e; infinity makes a column vanish
  uint16_t *high, *low, *ds, *ds_pairs;
};

struct DotKernels {
  void (*softmax)(const DotSoftmax&) noexcept;
  void (*softmax_backward)(const DotSoftmaxBackward&) noexcept;
};

}  // namespace fettle
