// One f32 vector of the set being compiled, for sources in this folder only. Everything has internal linkage
// and is inlined: two objects of different sets never share code. A tail is a vector padded with zeros, so
// the last elements of a row go through the same instructions, and round the same way, as all others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/intrinsics.h"

namespace fettle {
namespace {

#define FETTLE_VEC [[gnu::always_inline]] inline

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX2__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(4 * kLanes)));
typedef int32_t IntVec __attribute__((vector_size(4 * kLanes)));
typedef uint32_t BitVec __attribute__((vector_size(4 * kLanes)));
typedef uint16_t HalfVec __attribute__((vector_size(2 * kLanes)));
typedef double DoubleVec __attribute__((vector_size(4 * kLanes)));  // half as many lanes

FETTLE_VEC Vec splat(float x) {
  return x - Vec{};
}
FETTLE_VEC IntVec splat(int32_t x) {
  return x - IntVec{};
}
FETTLE_VEC BitVec bits_of(Vec x) {
  return (BitVec)x;
}
FETTLE_VEC Vec from_bits(BitVec x) {
  return (Vec)x;
}

/// a·b + c: one rounding where the set has it, two where it has not; never left to the compiler.
FETTLE_VEC Vec fma(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return (Vec)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(__AVX2__)
  return (Vec)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#else
  return a * b + c;
#endif
}

/// a > b ? a : b, and a < b ? a : b: the second where either is NaN.
FETTLE_VEC Vec max(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#else
  return a > b ? a : b;
#endif
}
FETTLE_VEC Vec min(Vec a, Vec b) {
#if defined(__AVX512F__)
  return (Vec)_mm512_min_ps((__m512)a, (__m512)b);
#else
  return a < b ? a : b;
#endif
}

FETTLE_VEC Vec sqrt(Vec x) {
#if defined(__AVX512F__)
  return (Vec)_mm512_sqrt_ps((__m512)x);
#elif defined(__AVX2__)
  return (Vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__SSE__)
  return __builtin_ia32_sqrtps(x);
#else
  for (int i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

/// The lane numbers as a list, from which shuffles are made.
template <int... I>
struct LaneList {};
#if defined(__AVX512F__)
using Lanes = LaneList<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
#elif defined(__AVX2__)
using Lanes = LaneList<0, 1, 2, 3, 4, 5, 6, 7>;
#else
using Lanes = LaneList<0, 1, 2, 3>;
#endif

template <int... I>
FETTLE_VEC IntVec lane_numbers(LaneList<I...>) {
  return IntVec{I...};
}
FETTLE_VEC IntVec lane_numbers() {
  return lane_numbers(Lanes{});
}

/// Lane i takes lane i ^ W: groups of W lanes change places.
template <int W, int... I>
FETTLE_VEC Vec swapped(Vec v, LaneList<I...>) {
  return __builtin_shufflevector(v, v, (I ^ W)...);
}

/// The sum (the maximum) of all lanes: halves are folded onto each other.
template <int W = kLanes / 2>
FETTLE_VEC float sum(Vec v) {
  v += swapped<W>(v, Lanes{});
  if constexpr (W > 1)
    return sum<W / 2>(v);
  else
    return v[0];
}
template <int W = kLanes / 2>
FETTLE_VEC float max_lane(Vec v) {
  v = max(v, swapped<W>(v, Lanes{}));
  if constexpr (W > 1)
    return max_lane<W / 2>(v);
  else
    return v[0];
}

// ── memory: `Whole` vectors, and the first `n` lanes of one ──

struct Whole {};
struct Part {
  int64_t n;
};

FETTLE_VEC Vec load(const float* p, Whole = {}) {
  Vec v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
FETTLE_VEC Vec load(const float* p, Part part) {
  Vec v{};
  __builtin_memcpy(&v, p, size_t(part.n) * sizeof *p);
  return v;
}
FETTLE_VEC void store(float* p, Vec v, Whole = {}) {
  __builtin_memcpy(p, &v, sizeof v);
}
FETTLE_VEC void store(float* p, Vec v, Part part) {
  __builtin_memcpy(p, &v, size_t(part.n) * sizeof *p);
}

// __builtin_convertvector splits these into halves, hence the instructions by name.
FETTLE_VEC Vec widened(HalfVec h) {
#if defined(__AVX512F__)
  return (Vec)_mm512_slli_epi32(_mm512_cvtepu16_epi32((__m256i)h), 16);
#elif defined(__AVX2__)
  return (Vec)_mm256_slli_epi32(_mm256_cvtepu16_epi32((__m128i)h), 16);
#else
  return from_bits(__builtin_convertvector(h, BitVec) << 16);
#endif
}

/// Nearest even by integers; a NaN stays one.
FETTLE_VEC HalfVec narrowed_by_integers(Vec x) {
  const BitVec u = bits_of(x);
  const BitVec rounded = u + 0x7fffu + ((u >> 16) & 1u);
  const BitVec kept = (u & 0x7fffffffu) > 0x7f800000u ? (u | 0x400000u) : rounded;
#if defined(__AVX512F__)
  return (HalfVec)_mm512_cvtepi32_epi16((__m512i)(kept >> 16));
#elif defined(__AVX2__)
  const __m256i packed = _mm256_packus_epi32((__m256i)(kept >> 16), _mm256_setzero_si256());
  return (HalfVec)_mm256_castsi256_si128(_mm256_permute4x64_epi64(packed, 0x08));
#else
  return __builtin_convertvector(kept >> 16, HalfVec);
#endif
}

/// The bf16 instruction rounds the same way, but takes subnormals for zero: where there is one, integers do
/// it.
FETTLE_VEC HalfVec narrowed(Vec x) {
#if defined(__AVX512BF16__)
  constexpr int kSubnormal = 0x20;
  if (_mm512_fpclass_ps_mask((__m512)x, kSubnormal) == 0) [[likely]]
    return (HalfVec)_mm512_cvtneps_pbh((__m512)x);
#endif
  return narrowed_by_integers(x);
}

// bf16 is uint16_t here.
FETTLE_VEC Vec load(const uint16_t* p, Whole = {}) {
  HalfVec h;
  __builtin_memcpy(&h, p, sizeof h);
  return widened(h);
}
FETTLE_VEC Vec load(const uint16_t* p, Part part) {
  HalfVec h{};
  __builtin_memcpy(&h, p, size_t(part.n) * sizeof *p);
  return widened(h);
}
FETTLE_VEC void store(uint16_t* p, Vec v, Whole = {}) {
  const HalfVec h = narrowed(v);
  __builtin_memcpy(p, &h, sizeof h);
}
FETTLE_VEC void store(uint16_t* p, Vec v, Part part) {
  const HalfVec h = narrowed(v);
  __builtin_memcpy(p, &h, size_t(part.n) * sizeof *p);
}

/// body(i, Whole) for every whole vector of [0, n), then body(i, Part) for what is left.
template <class Body>
FETTLE_VEC void for_vectors(int64_t n, Body body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, Whole{});
  if (i < n) body(i, Part{n - i});
}

// ── exp, log ──

/// x·2^n for n in [-152, 129], rounded once: in two factors, so that results go down to subnormals and up to
/// infinity.
FETTLE_VEC Vec times_power_of_two(Vec x, Vec n) {
#if defined(__AVX512F__)
  return (Vec)_mm512_scalef_ps((__m512)x, (__m512)n);
#else
  const IntVec whole = __builtin_convertvector(n, IntVec), half = whole >> 1, rest = whole - half;
  return x * (Vec)((half + 127) << 23) * (Vec)((rest + 127) << 23);
#endif
}

/// e^x, at most 1 ulp off: x = n·ln 2 + r, then a minimax polynomial on |r| <= ln 2 / 2 (relative error
/// 3e-9).
FETTLE_VEC Vec exp(Vec x) {
  x = min(splat(89.0f), max(splat(-104.0f), x));  // in this order a NaN passes
  const Vec magic = splat(0x1.8p23f);             // adding it rounds to a whole number
  const Vec n = fma(x, splat(0x1.715476p+0f), magic) - magic;
  Vec r = fma(n, splat(-0.693359375f), x);  // the high part of ln 2 has 9 bits: n times it is exact
  r = fma(n, splat(2.12194440e-4f), r);
  Vec p = fma(r, splat(0x1.6a23cep-10f), splat(0x1.123a2p-7f));
  p = fma(p, r, splat(0x1.5558f2p-5f));
  p = fma(p, r, splat(0x1.555492p-3f));
  p = fma(p, r, splat(0x1.fffffcp-2f));
  return times_power_of_two(fma(r * r, p, r) + 1.0f, n);
}

/// ln x, at most 1 ulp off: x = 2^e·(1 + f) with 1 + f in [√½, √2), ln(1 + f) = f - f²/2 + s·(f²/2 + R(s²)),
/// s = f/(2 + f).
FETTLE_VEC Vec log(Vec x) {
  const IntVec tiny = x < 0x1p-126f;
  const Vec scaled = tiny ? x * 0x1p23f : x;
  const IntVec u = (IntVec)bits_of(scaled) - 0x3f3504f3;  // bits of √½
  const IntVec e = (u >> 23) - (tiny & 23);
  const Vec f = (Vec)((u & 0x7fffff) + 0x3f3504f3) - 1.0f;
  const Vec s = f / (f + 2.0f), z = s * s, half_square = f * f * 0.5f;
  Vec series = fma(z, splat(2.0f / 9), splat(2.0f / 7));
  series = fma(series, z, splat(2.0f / 5));
  series = fma(series, z, splat(2.0f / 3)) * z;
  const Vec n = __builtin_convertvector(e, Vec);
  const Vec low = fma(s, half_square + series, n * -2.12194440e-4f);
  Vec y = fma(n, splat(0.693359375f), f - (half_square - low));
  y = x < __builtin_inff() ? y : x + x;  // infinity and NaN pass
  y = x < 0.0f ? splat(__builtin_nanf("")) : y;
  return x == 0.0f ? splat(-__builtin_inff()) : y;
}

FETTLE_VEC Vec sigmoid(Vec x) {
  return 1.0f / (1.0f + exp(-x));
}

}  // namespace
}  // namespace fettle
