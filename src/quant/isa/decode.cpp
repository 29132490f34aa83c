// Decoders with vector instructions, one object per instruction set. A null entry in the table means that the
// reference serves; so the generic object holds none. Bits equal the reference's: see quant/codecs.h for why,
// and decode_test.cpp. Loads are unaligned throughout: blocks lie at odd addresses in a mapped file.
#include "base/intrinsics.h"
#include "base/isa.h"
#include "quant/storage.h"

namespace fettle {

namespace {

#if defined(__AVX2__)

constexpr int64_t kBlock = 32, kSuperBlock = 256;
constexpr int64_t kQ4_0Bytes = 18, kQ4_1Bytes = 20, kQ8_0Bytes = 34, kQ6_KBytes = 210;

float half_at(const std::byte* p) {
  uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  return _cvtsh_ss(bits);
}

__m128i load16(const std::byte* p) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
}

#if defined(__AVX512BW__)

using Vec = __m512;
Vec splat(float x) {
  return _mm512_set1_ps(x);
}

__mmask16 mask_of(int64_t count) {
  return count >= 16 ? __mmask16(0xffff) : __mmask16((1u << count) - 1);
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

// A nibble has 16 values: they are computed once per block, then looked up.
__m512 sixteen() {
  return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

void look_up(float* out, __m128i nibbles, __m512 values) {
  const __m512i low = _mm512_cvtepu8_epi32(nibbles);  // the permutation looks at four bits only
  _mm512_storeu_ps(out, _mm512_permutexvar_ps(low, values));
  _mm512_storeu_ps(out + 16, _mm512_permutexvar_ps(_mm512_srli_epi32(low, 4), values));
}

void look_up(bf16_t* out, __m128i nibbles, __m512 values) {
  const __m128i mask = _mm_set1_epi8(15);
  const __m128i low = _mm_and_si128(nibbles, mask), high = _mm_and_si128(_mm_srli_epi16(nibbles, 4), mask);
  const __m512i index = _mm512_cvtepu8_epi16(_mm256_set_m128i(high, low));
  _mm512_storeu_si512(out, _mm512_permutexvar_epi16(index, _mm512_zextsi256_si512(rounded(values))));
}

template <class Out>
void decode_q4_0(const std::byte* in, int64_t n, Out* out) noexcept {
  const __m512 steps = _mm512_sub_ps(sixteen(), splat(8));
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_0Bytes) {
    look_up(out + i, load16(in + 2), _mm512_mul_ps(splat(half_at(in)), steps));
  }
}

template <class Out>
void decode_q4_1(const std::byte* in, int64_t n, Out* out) noexcept {
  const __m512 steps = sixteen();
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_1Bytes) {
    const __m512 values = _mm512_fmadd_ps(splat(half_at(in)), steps, splat(half_at(in + 2)));
    look_up(out + i, load16(in + 4), values);
  }
}

template <class Out>
void decode_f16(const std::byte* in, int64_t n, Out* out) noexcept {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16, in += 32) {
    store(out + i, _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(in))));
  }
  if (i == n) return;
  alignas(64) Out last[16];
  store(last, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask_of(n - i), in)));
  __builtin_memcpy(out + i, last, size_t(n - i) * sizeof(Out));
}

void decode_bf16_f32(const std::byte* in, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; i += 16, in += 32) {
    const __mmask16 mask = mask_of(n - i);
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, in));
    _mm512_mask_storeu_epi32(out + i, mask, _mm512_slli_epi32(wide, 16));
  }
}

void decode_f32_bf16(const std::byte* in, int64_t n, bf16_t* out) noexcept {
  for (int64_t i = 0; i < n; i += 16, in += 64) {
    const __mmask16 mask = mask_of(n - i);
    _mm256_mask_storeu_epi16(out + i, mask, rounded_exactly(_mm512_maskz_loadu_ps(mask, in)));
  }
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

void emit16(float* out, __m128i q, Vec d, Vec m) {
  _mm256_storeu_ps(out, _mm256_fmadd_ps(widened(q), d, m));
  _mm256_storeu_ps(out + 8, _mm256_fmadd_ps(widened(_mm_srli_si128(q, 8)), d, m));
}

__m128i low_nibbles(__m128i q) {
  return _mm_and_si128(q, _mm_set1_epi8(15));
}
__m128i high_nibbles(__m128i q) {
  return low_nibbles(_mm_srli_epi16(q, 4));
}

void decode_q4_0(const std::byte* in, int64_t n, float* out) noexcept {
  const __m128i eight = _mm_set1_epi8(8);
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_0Bytes) {
    const __m128i q = load16(in + 2);
    const Vec d = splat(half_at(in));
    emit16(out + i, _mm_sub_epi8(low_nibbles(q), eight), d);
    emit16(out + i + 16, _mm_sub_epi8(high_nibbles(q), eight), d);
  }
}

void decode_q4_1(const std::byte* in, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_1Bytes) {
    const __m128i q = load16(in + 4);
    const Vec d = splat(half_at(in)), m = splat(half_at(in + 2));
    emit16(out + i, low_nibbles(q), d, m);
    emit16(out + i + 16, high_nibbles(q), d, m);
  }
}

void decode_f16(const std::byte* in, int64_t n, float* out) noexcept {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8, in += 16) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(load16(in)));
  for (; i < n; ++i, in += 2) out[i] = half_at(in);
}

#endif

template <class Out>
void decode_q8_0(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ8_0Bytes) {
    const Vec d = splat(half_at(in));
    emit16(out + i, load16(in + 2), d);
    emit16(out + i + 16, load16(in + 18), d);
  }
}

// One run of 32 elements: low bits, high bits already shifted down, two scales.
template <class Out>
void emit_q6_run(Out* out, const std::byte* ql, int low_shift, const std::byte* qh, int high_shift,
                 const std::byte* scales, float d) {
  for (int t = 0; t < 2; ++t) {
    const __m128i low = _mm_and_si128(_mm_srli_epi16(load16(ql + 16 * t), low_shift), _mm_set1_epi8(15));
    const __m128i high = _mm_and_si128(_mm_srli_epi16(load16(qh + 16 * t), high_shift), _mm_set1_epi8(3));
    const __m128i q = _mm_sub_epi8(_mm_or_si128(low, _mm_slli_epi16(high, 4)), _mm_set1_epi8(32));
    emit16(out + 16 * t, q, splat(d * float(int8_t(scales[t]))));
  }
}

template <class Out>
void decode_q6_k(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ6_KBytes) {
    const float d = half_at(in + 208);
    for (int run = 0; run < 8; ++run) {
      const int half = run / 4, k = run % 4;
      emit_q6_run(out + i + 32 * run, in + 64 * half + 32 * (k % 2), k < 2 ? 0 : 4, in + 128 + 32 * half,
                  2 * k, in + 192 + 2 * run, d);
    }
  }
}

#endif

constexpr DecodeTable make_table() {
  DecodeTable t{};
  t.isa = FETTLE_ISA_TEXT;
#if defined(__AVX2__)
  t.f32[int(DType::f16)] = decode_f16;
  t.f32[int(DType::q4_0)] = decode_q4_0;
  t.f32[int(DType::q4_1)] = decode_q4_1;
  t.f32[int(DType::q8_0)] = decode_q8_0<float>;
  t.f32[int(DType::q6_k)] = decode_q6_k<float>;
#endif
#if defined(__AVX512BW__)
  t.f32[int(DType::bf16)] = decode_bf16_f32;
  t.bf16[int(DType::f32)] = decode_f32_bf16;
  t.bf16[int(DType::f16)] = decode_f16;
  t.bf16[int(DType::q4_0)] = decode_q4_0;
  t.bf16[int(DType::q4_1)] = decode_q4_1;
  t.bf16[int(DType::q8_0)] = decode_q8_0<bf16_t>;
  t.bf16[int(DType::q6_k)] = decode_q6_k<bf16_t>;
#endif
  return t;
}

}  // namespace

extern constinit const DecodeTable FETTLE_ISA_SYMBOL(decode_table) = make_table();

}  // namespace fettle
