// How quants become numbers, for decode.cpp alone: 32 quants in the bytes of one register, a scale and a
// minimum for all or for each half of them. Everything has internal linkage.
#pragma once

#include "base/half.h"
#include "base/intrinsics.h"

#if defined(__AVX2__)
namespace fettle {
namespace {

// What to add where a type has no minimum: x + -0 is x, for both zeros too.
constexpr float kNoMin = -0.0f;

float half_at(const std::byte* p) {
  uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _cvtsh_ss(bits);
}

uint32_t word_at(const std::byte* p) {
  uint32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

__m128i load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}
__m256i load32(const std::byte* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

#if defined(__AVX512BW__)

using Vec = __m512;
Vec splat(float x) {
  return _mm512_set1_ps(x);
}

// Round to nearest even by integers: the bf16 instruction takes f32 subnormals for zero.
__m256i rounded_exactly(__m512 x) {
  const __m512i u = _mm512_castps_si512(x), one = _mm512_set1_epi32(1);
  const __m512i odd = _mm512_and_si512(_mm512_srli_epi32(u, 16), one);
  const __m512i up = _mm512_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd);
  const __m512i quiet = _mm512_or_si512(u, _mm512_set1_epi32(0x400000));
  const __m512i bits = _mm512_mask_mov_epi32(up, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), quiet);
  return _mm512_cvtepi32_epi16(_mm512_srli_epi32(bits, 16));
}

// For what a quantised block can hold: multiples of 2^-24, so never an f32 subnormal.
__m256i rounded(__m512 x) {
#if defined(__AVX512BF16__)
  return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x));
#else
  return rounded_exactly(x);
#endif
}

void store(float* out, __m512 x) {
  _mm512_storeu_ps(out, x);
}
void store(bf16_t* out, __m512 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), rounded(x));
}

// 16 signed bytes, times d.
template <class Out>
void emit16(Out* out, __m128i q, Vec d) {
  store(out, _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(q)), d));
}

__m512 steps(float first) {
  return _mm512_add_ps(_mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), splat(first));
}

// Few quants have few values: they are computed (and rounded) once, then looked up by the low bits of each
// byte, four with one vector of values, five with two.
void look_up(float* out, __m256i q, __m512 values) {
  _mm512_storeu_ps(out, _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(_mm256_castsi256_si128(q)), values));
  _mm512_storeu_ps(out + 16,
                   _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1)), values));
}
void look_up(float* out, __m256i q, __m512 low, __m512 high) {
  const __m512i first = _mm512_cvtepu8_epi32(_mm256_castsi256_si128(q));
  const __m512i second = _mm512_cvtepu8_epi32(_mm256_extracti128_si256(q, 1));
  _mm512_storeu_ps(out, _mm512_permutex2var_ps(low, first, high));
  _mm512_storeu_ps(out + 16, _mm512_permutex2var_ps(low, second, high));
}

void look_up(bf16_t* out, __m256i q, __m512i values) {
  _mm512_storeu_si512(out, _mm512_permutexvar_epi16(_mm512_cvtepu8_epi16(q), values));
}
void look_up(bf16_t* out, __m256i q, __m512 values) {
  look_up(out, q, _mm512_broadcast_i64x4(rounded(values)));
}
void look_up(bf16_t* out, __m256i q, __m512 low, __m512 high) {
  look_up(out, q, _mm512_inserti64x4(_mm512_castsi256_si512(rounded(low)), rounded(high), 1));
}

// 32 nibbles: the low ones of 16 bytes, then the high ones.
void look_up_nibbles(float* out, __m128i q, __m512 values) {
  const __m512i low = _mm512_cvtepu8_epi32(q);
  _mm512_storeu_ps(out, _mm512_permutexvar_ps(low, values));
  _mm512_storeu_ps(out + 16, _mm512_permutexvar_ps(_mm512_srli_epi32(low, 4), values));
}
void look_up_nibbles(bf16_t* out, __m128i q, __m512 values) {
  look_up(out, _mm256_set_m128i(_mm_srli_epi16(q, 4), q), values);
}

// d·(q + First) + m of 32 nibbles.
template <int First, class Out>
void emit_nibbles(Out* out, __m128i q, float d, float m) {
  look_up_nibbles(out, q, _mm512_fmadd_ps(splat(d), steps(First), splat(m)));
}

// The same of 32 quants with `Bits` bits.
template <int Bits, int First, class Out>
void emit32(Out* out, __m256i q, float d, float m) {
  static_assert(Bits == 4 || Bits == 5);
  const __m512 low = _mm512_fmadd_ps(splat(d), steps(First), splat(m));
  if constexpr (Bits == 4) {
    look_up(out, q, low);
  } else {
    look_up(out, q, low, _mm512_fmadd_ps(splat(d), steps(First + 16), splat(m)));
  }
}

// The same with up to three bits and a scale and minimum for each 16 quants.
template <int First, class Out>
void emit_halves(Out* out, __m256i q, const float* d, const float* m) {
  const __m512 step = _mm512_mask_sub_ps(steps(First), 0xff00, steps(First), splat(8));
  const __m512 scale = _mm512_mask_mov_ps(splat(d[0]), 0xff00, splat(d[1]));
  const __m512 min = _mm512_mask_mov_ps(splat(m[0]), 0xff00, splat(m[1]));
  const __m256i second = _mm256_set_m128i(_mm_set1_epi8(8), _mm_setzero_si128());
  look_up(out, _mm256_or_si256(q, second), _mm512_fmadd_ps(scale, step, min));
}

#else  // AVX2

using Vec = __m256;
Vec splat(float x) {
  return _mm256_set1_ps(x);
}

__m256 widened(__m128i q) {
  return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q));
}

void emit16(float* out, __m128i q, Vec d) {
  _mm256_storeu_ps(out, _mm256_mul_ps(widened(q), d));
  _mm256_storeu_ps(out + 8, _mm256_mul_ps(widened(_mm_srli_si128(q, 8)), d));
}

template <int First>
void emit16(float* out, __m128i q, float d, float m) {
  const __m128i shifted = _mm_add_epi8(q, _mm_set1_epi8(First));
  _mm256_storeu_ps(out, _mm256_fmadd_ps(widened(shifted), splat(d), splat(m)));
  _mm256_storeu_ps(out + 8, _mm256_fmadd_ps(widened(_mm_srli_si128(shifted, 8)), splat(d), splat(m)));
}

template <int First>
void emit_nibbles(float* out, __m128i q, float d, float m) {
  const __m128i mask = _mm_set1_epi8(15);
  emit16<First>(out, _mm_and_si128(q, mask), d, m);
  emit16<First>(out + 16, _mm_and_si128(_mm_srli_epi16(q, 4), mask), d, m);
}

template <int Bits, int First>
void emit32(float* out, __m256i q, float d, float m) {
  emit16<First>(out, _mm256_castsi256_si128(q), d, m);
  emit16<First>(out + 16, _mm256_extracti128_si256(q, 1), d, m);
}

template <int First>
void emit_halves(float* out, __m256i q, const float* d, const float* m) {
  emit16<First>(out, _mm256_castsi256_si128(q), d[0], m[0]);
  emit16<First>(out + 16, _mm256_extracti128_si256(q, 1), d[1], m[1]);
}

#endif

__m256i splat_byte(int x) {
  return _mm256_set1_epi8(char(x));
}

// `bits` bits of every byte, from bit `at` on.
__m256i field(__m256i bytes, int at, int bits) {
  // The compiler keeps a shift by nothing.
  return _mm256_and_si256(at == 0 ? bytes : _mm256_srli_epi16(bytes, at), splat_byte((1 << bits) - 1));
}

// In every byte `value` where all bits of `mask` are set, else 0.
__m256i where_set(__m256i bytes, __m256i mask, int value) {
  return _mm256_and_si256(_mm256_cmpeq_epi8(_mm256_and_si256(bytes, mask), mask), splat_byte(value));
}

// d times each of 16 signed bytes.
void scaled16(float* out, __m128i bytes, float low, float high) {
  const auto eight = [](__m128i q, float d) {
    return _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(q)), _mm256_set1_ps(d));
  };
  _mm256_storeu_ps(out, eight(bytes, low));
  _mm256_storeu_ps(out + 8, eight(_mm_srli_si128(bytes, 8), high));
}

}  // namespace
}  // namespace fettle
#endif
