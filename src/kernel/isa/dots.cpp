// Attention's bf16 tiles: see dot_kernels.h.
#include "kernel/isa/dot_kernels.h"

#include "base/intrinsics.h"
#include "base/isa.h"

namespace fettle {
namespace {

#if defined(__AVX512BF16__)

#define FETTLE_INLINE [[gnu::always_inline]] inline

using Vec = __m512;
constexpr int kLanes = 16;

// ── exponentials ──

/// 2^x, at most 1.5e-7 off: the instructions split x at its floor; a minimax polynomial serves the fraction,
/// exact at 0, so that a lone key has probability 1. -infinity gives 0.
FETTLE_INLINE Vec exp2(Vec x) {
  constexpr int kFraction = 0x09;  // x - floor(x), no exceptions
  const Vec r = _mm512_reduce_ps(x, kFraction);
  Vec p = _mm512_fmadd_ps(r, _mm512_set1_ps(0x1.e974fap-10f), _mm512_set1_ps(0x1.277854p-7f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.c91ce6p-5f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.ebdb56p-3f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0x1.62e4bap-1f));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1));
  return _mm512_scalef_ps(p, x);
}

FETTLE_INLINE __mmask16 in_sight(const DotSight& sight, int64_t column, int64_t key) {
  const __m512i at = _mm512_set1_epi32(int32_t(key));
  return _mm512_mask_cmpgt_epi32_mask(_mm512_cmple_epi32_mask(_mm512_loadu_si512(sight.first + column), at),
                                      _mm512_loadu_si512(sight.last + column), at);
}

// Two vectors of f32 as bf16: the first in the lower half.
FETTLE_INLINE __m512i rounded(Vec first, Vec second) {
  return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

// Lane i of the lower half beside lane i of the upper half.
FETTLE_INLINE __m512i halves_as_pairs(__m512i x) {
  const __m512i order = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7,
                                         22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return _mm512_permutexvar_epi16(order, x);
}

// The f32 values of a vector of pairs.
FETTLE_INLINE Vec first_of(__m512i p) {
  return (Vec)_mm512_slli_epi32(p, 16);
}
FETTLE_INLINE Vec second_of(__m512i p) {
  return (Vec)_mm512_and_si512(p, _mm512_set1_epi32(int32_t(0xffff0000)));
}
FETTLE_INLINE Vec lower_half(__m512i x) {
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_castsi512_si256(x)), 16);
}
FETTLE_INLINE Vec upper_half(__m512i x) {
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(x, 1)), 16);
}

// ── softmax ──

template <bool kMasked>
FETTLE_INLINE Vec larger(const DotSoftmax& t, int64_t column, int64_t key, Vec top) {
  const Vec s = _mm512_loadu_ps(t.s + key * kDotColumns + column);
  if (!kMasked) return _mm512_max_ps(s, top);  // a NaN leaves what was
  return _mm512_mask_max_ps(top, in_sight(t.sight, column, key), s, top);
}

/// The largest visible score of 16 columns, at least `top`.
template <bool kMasked>
FETTLE_INLINE Vec largest(const DotSoftmax& t, int64_t column, Vec top) {
  Vec even = top, odd = top;
  int64_t key = 0;
  for (; key + 2 <= t.keys; key += 2) {
    even = larger<kMasked>(t, column, key, even);
    odd = larger<kMasked>(t, column, key + 1, odd);
  }
  if (key < t.keys) even = larger<kMasked>(t, column, key, even);
  return _mm512_max_ps(even, odd);
}

template <bool kMasked>
FETTLE_INLINE Vec probability(const DotSoftmax& t, int64_t column, int64_t key, Vec factor, Vec shift) {
  if (key >= t.keys) return _mm512_setzero_ps();
  const Vec p = exp2(_mm512_fmsub_ps(_mm512_loadu_ps(t.s + key * kDotColumns + column), factor, shift));
  return kMasked ? _mm512_maskz_mov_ps(in_sight(t.sight, column, key), p) : p;
}

template <bool kMasked>
FETTLE_INLINE void softmax_columns(const DotSoftmax& t, int64_t column) {
  const Vec before = _mm512_loadu_ps(t.maximum + column), factor = _mm512_set1_ps(t.factor);
  const Vec now = largest<kMasked>(t, column, before);
  const __mmask16 none = _mm512_cmp_ps_mask(now, _mm512_set1_ps(-__builtin_inff()), _CMP_EQ_OQ);
  const Vec shift = _mm512_maskz_mul_ps(__mmask16(~none), now, factor);
  Vec sum = _mm512_setzero_ps();
  for (int64_t key = 0; key < t.keys; key += 2) {
    const Vec p0 = probability<kMasked>(t, column, key, factor, shift),
              p1 = probability<kMasked>(t, column, key + 1, factor, shift);
    sum = _mm512_add_ps(_mm512_add_ps(sum, p0), p1);
    const __m512i high = halves_as_pairs(rounded(p0, p1));
    const __m512i low =
        halves_as_pairs(rounded(_mm512_sub_ps(p0, first_of(high)), _mm512_sub_ps(p1, second_of(high))));
    _mm512_storeu_si512(t.high + key * kDotColumns + 2 * column, high);
    _mm512_storeu_si512(t.low + key * kDotColumns + 2 * column, low);
  }
  const __mmask16 higher = _mm512_cmp_ps_mask(now, before, _CMP_GT_OQ);
  Vec total = _mm512_loadu_ps(t.total + column);
  if (higher) {
    const Vec fade =
        _mm512_mask_mov_ps(_mm512_set1_ps(1), higher, exp2(_mm512_fmsub_ps(before, factor, shift)));
    total = _mm512_mul_ps(total, fade);
    for (int64_t i = 0; i < t.width; ++i) {
      float* o = t.o + i * kDotColumns + column;
      _mm512_storeu_ps(o, _mm512_mul_ps(_mm512_loadu_ps(o), fade));
    }
    _mm512_storeu_ps(t.maximum + column, now);
  }
  _mm512_storeu_ps(t.total + column, _mm512_add_ps(total, sum));
}

void softmax(const DotSoftmax& t) noexcept {
  for (int64_t column = 0; column < t.columns; column += kLanes) {
    if (t.sight.first) {
      softmax_columns<true>(t, column);
    } else {
      softmax_columns<false>(t, column);
    }
  }
}

// ── backward ──

struct Slopes {
  Vec p, ds;
};

template <bool kMasked>
FETTLE_INLINE Slopes slopes(const DotSoftmaxBackward& t, int64_t key, int64_t column, Vec factor) {
  const int64_t at = key * kDotColumns + column;
  const Vec lse = _mm512_loadu_ps(t.lse + column), dot = _mm512_loadu_ps(t.dot + column);
  const Vec p = exp2(_mm512_fmsub_ps(_mm512_loadu_ps(t.s + at), factor, lse));
  const Vec ds = _mm512_mul_ps(p, _mm512_sub_ps(_mm512_loadu_ps(t.dp + at), dot));
  if (!kMasked) return {p, ds};
  const __mmask16 seen = in_sight(t.sight, column, key);
  return {_mm512_maskz_mov_ps(seen, p), _mm512_maskz_mov_ps(seen, ds)};
}

// 32 columns of one key; gives ds as it was stored.
template <bool kMasked>
FETTLE_INLINE __m512i backward_row(const DotSoftmaxBackward& t, int64_t key, int64_t column, Vec factor) {
  const Slopes a = slopes<kMasked>(t, key, column, factor),
               b = slopes<kMasked>(t, key, column + kLanes, factor);
  const int64_t at = key * kDotColumns + column;
  const __m512i high = rounded(a.p, b.p), ds = rounded(a.ds, b.ds);
  _mm512_storeu_si512(t.high + at, high);
  _mm512_storeu_si512(t.low + at,
                      rounded(_mm512_sub_ps(a.p, lower_half(high)), _mm512_sub_ps(b.p, upper_half(high))));
  _mm512_storeu_si512(t.ds + at, ds);
  return ds;
}

template <bool kMasked>
FETTLE_INLINE void backward_columns(const DotSoftmaxBackward& t, int64_t column) {
  const __m512i low_half = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39,
                                            7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high_half = _mm512_add_epi16(low_half, _mm512_set1_epi16(16));
  const Vec factor = _mm512_set1_ps(t.factor);
  for (int64_t key = 0; key < t.keys; key += 2) {
    const __m512i even = backward_row<kMasked>(t, key, column, factor);
    const __m512i odd =
        key + 1 < t.keys ? backward_row<kMasked>(t, key + 1, column, factor) : _mm512_setzero_si512();
    uint16_t* to = t.ds_pairs + key * kDotColumns + 2 * column;
    _mm512_storeu_si512(to, _mm512_permutex2var_epi16(even, low_half, odd));
    _mm512_storeu_si512(to + 2 * kLanes, _mm512_permutex2var_epi16(even, high_half, odd));
  }
}

void softmax_backward(const DotSoftmaxBackward& t) noexcept {
  for (int64_t column = 0; column < kDotColumns; column += 2 * kLanes) {
    if (t.sight.first) {
      backward_columns<true>(t, column);
    } else {
      backward_columns<false>(t, column);
    }
  }
}

#endif

}  // namespace

extern const DotKernels FETTLE_ISA_SYMBOL(dot_kernels);
constinit const DotKernels FETTLE_ISA_SYMBOL(dot_kernels) = {
#if defined(__AVX512BF16__)
    .softmax = softmax,
    .softmax_backward = softmax_backward,
#endif
};

}  // namespace fettle
