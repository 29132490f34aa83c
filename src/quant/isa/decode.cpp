// Decoders with vector instructions, one object per instruction set. A null entry in the table means that the
// reference serves; so the generic object holds none. Bits equal the reference's: see quant/codecs.h for why,
// and decode_test.cpp. Loads are unaligned throughout: blocks lie at odd addresses in a mapped file.
#include "base/intrinsics.h"
#include "base/isa.h"
#include "quant/isa/lanes.h"
#include "quant/storage.h"

namespace fettle {

namespace {

#if defined(__AVX2__)

constexpr int64_t kBlock = 32, kSuperBlock = 256;
constexpr int kRuns = 8;  // of 32 elements in a super-block
constexpr int64_t kQ4_0Bytes = 18, kQ4_1Bytes = 20, kQ5_0Bytes = 22, kQ5_1Bytes = 24, kQ8_0Bytes = 34;
constexpr int64_t kQ2_KBytes = 84, kQ3_KBytes = 110, kQ4_KBytes = 144, kQ5_KBytes = 176, kQ6_KBytes = 210;

#if defined(__AVX512BW__)

__mmask16 mask_of(int64_t count) {
  return count >= 16 ? __mmask16(0xffff) : __mmask16((1u << count) - 1);
}

template <class Out>
void decode_f16(const std::byte* in, int64_t n, Out* out) noexcept {
  int64_t i = 0;
  for (; i + 16 <= n; i += 16, in += 32) store(out + i, _mm512_cvtph_ps(load32(in)));
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

template <class Out>
void decode_f16(const std::byte* in, int64_t n, Out* out) noexcept {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8, in += 16) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(load16(in)));
  for (; i < n; ++i, in += 2) out[i] = half_at(in);
}

#endif

// Nibbles of 32 elements: the low halves of 16 bytes, then the high ones.
__m256i nibbles(const std::byte* in) {
  const __m128i q = load16(in);
  return field(_mm256_set_m128i(_mm_srli_epi16(q, 4), q), 0, 4);
}

// 16 in the byte of every element whose bit is set.
__m256i fifth_bits(const std::byte* in) {
  const __m256i byte_of_bit =
      _mm256_set_epi64x(0x0303030303030303, 0x0202020202020202, 0x0101010101010101, 0);
  const __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32(int(word_at(in))), byte_of_bit);
  return where_set(spread, _mm256_set1_epi64x(int64_t(0x8040201008040201u)), 16);
}

template <class Out>
void decode_q4_0(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_0Bytes) {
    emit_nibbles<-8>(out + i, load16(in + 2), half_at(in), kNoMin);
  }
}

template <class Out>
void decode_q4_1(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ4_1Bytes) {
    emit_nibbles<0>(out + i, load16(in + 4), half_at(in), half_at(in + 2));
  }
}

template <class Out>
void decode_q5_0(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ5_0Bytes) {
    emit32<5, -16>(out + i, _mm256_or_si256(nibbles(in + 6), fifth_bits(in + 2)), half_at(in), kNoMin);
  }
}

template <class Out>
void decode_q5_1(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ5_1Bytes) {
    emit32<5, 0>(out + i, _mm256_or_si256(nibbles(in + 8), fifth_bits(in + 4)), half_at(in), half_at(in + 2));
  }
}

template <class Out>
void decode_q8_0(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kBlock, in += kQ8_0Bytes) {
    const Vec d = splat(half_at(in));
    emit16(out + i, load16(in + 2), d);
    emit16(out + i + 16, load16(in + 18), d);
  }
}

// Two bits of run `run`: four runs share 32 bytes.
__m256i two_bits(const std::byte* in, int run) {
  return field(load32(in + 32 * (run / 4)), 2 * (run % 4), 2);
}
// Four bits: two neighbouring runs share 32 bytes.
__m256i four_bits(const std::byte* in, int run) {
  return field(load32(in + 32 * (run / 2)), 4 * (run % 2), 4);
}

template <class Out>
void decode_q2_k(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ2_KBytes) {
    const __m128i scales = load16(in), mask = _mm_set1_epi8(15);
    const float scale = half_at(in + 80), min = -half_at(in + 82);
    float d[16], m[16];
    scaled16(d, _mm_and_si128(scales, mask), scale, scale);
    scaled16(m, _mm_and_si128(_mm_srli_epi16(scales, 4), mask), min, min);
    for (int run = 0; run < kRuns; ++run) {
      emit_halves<0>(out + i + 32 * run, two_bits(in + 16, run), d + 2 * run, m + 2 * run);
    }
  }
}

// Sixteen scales of six bits, from -32 on: nibbles of eight bytes, and four times two bits of four bytes.
__m128i scales_q3_k(const std::byte* in) {
  const uint32_t low0 = word_at(in), low1 = word_at(in + 4), high = word_at(in + 8);
  const __m128i low = _mm_set_epi32(int(low1 >> 4), int(low0 >> 4), int(low1), int(low0));
  const __m128i top = _mm_set_epi32(int(high >> 6), int(high >> 4), int(high >> 2), int(high));
  const __m128i q = _mm_or_si128(_mm_and_si128(low, _mm_set1_epi8(15)),
                                 _mm_slli_epi16(_mm_and_si128(top, _mm_set1_epi8(3)), 4));
  return _mm_sub_epi8(q, _mm_set1_epi8(32));
}

template <class Out>
void decode_q3_k(const std::byte* in, int64_t n, Out* out) noexcept {
  constexpr float kNoMins[2] = {kNoMin, kNoMin};
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ3_KBytes) {
    const float scale = half_at(in + 108);
    const __m256i high = load32(in);
    float d[16];
    scaled16(d, scales_q3_k(in + 96), scale, scale);
    for (int run = 0; run < kRuns; ++run) {
      const __m256i q = _mm256_or_si256(two_bits(in + 32, run), where_set(high, splat_byte(1 << run), 4));
      emit_halves<-4>(out + i + 32 * run, q, d + 2 * run, kNoMins);
    }
  }
}

// Eight scales and eight minima of six bits: four of each in whole, the other low nibbles in the last word
// and their high bits above the former.
void six_bit_scales(const std::byte* in, float* d_and_m) {
  const uint32_t w0 = word_at(in + 4), w1 = word_at(in + 8), w2 = word_at(in + 12);
  const uint32_t scales = (w2 & 0x0f0f0f0fu) | (w0 >> 2 & 0x30303030u);
  const uint32_t mins = (w2 >> 4 & 0x0f0f0f0fu) | (w1 >> 2 & 0x30303030u);
  const __m128i bytes = _mm_set_epi32(int(mins), int(w1 & 0x3f3f3f3fu), int(scales), int(w0 & 0x3f3f3f3fu));
  scaled16(d_and_m, bytes, half_at(in), -half_at(in + 2));
}

template <class Out>
void decode_q4_k(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ4_KBytes) {
    float d[16];
    six_bit_scales(in, d);
    for (int run = 0; run < kRuns; ++run) {
      emit32<4, 0>(out + i + 32 * run, four_bits(in + 16, run), d[run], d[8 + run]);
    }
  }
}

template <class Out>
void decode_q5_k(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ5_KBytes) {
    const __m256i high = load32(in + 16);
    float d[16];
    six_bit_scales(in, d);
    for (int run = 0; run < kRuns; ++run) {
      const __m256i q = _mm256_or_si256(four_bits(in + 48, run), where_set(high, splat_byte(1 << run), 16));
      emit32<5, 0>(out + i + 32 * run, q, d[run], d[8 + run]);
    }
  }
}

// Of a half (four runs) the first two are low nibbles, the last two high ones.
template <class Out>
void decode_q6_k(const std::byte* in, int64_t n, Out* out) noexcept {
  for (int64_t i = 0; i < n; i += kSuperBlock, in += kQ6_KBytes) {
    const float scale = half_at(in + 208);
    float d[16];
    scaled16(d, load16(in + 192), scale, scale);
    for (int run = 0; run < kRuns; ++run) {
      const int half = run / 4, k = run % 4;
      const __m256i low = field(load32(in + 64 * half + 32 * (k % 2)), k < 2 ? 0 : 4, 4);
      const __m256i high = _mm256_slli_epi16(two_bits(in + 128, run), 4);
      const __m256i q = _mm256_sub_epi8(_mm256_or_si256(low, high), splat_byte(32));
      Out* at = out + i + 32 * run;
      emit16(at, _mm256_castsi256_si128(q), splat(d[2 * run]));
      emit16(at + 16, _mm256_extracti128_si256(q, 1), splat(d[2 * run + 1]));
    }
  }
}

#endif

constexpr DecodeTable make_table() {
  DecodeTable t{};
  t.isa = FETTLE_ISA_TEXT;
#if defined(__AVX2__)
  t.f32[int(DType::f16)] = decode_f16<float>;
  t.f32[int(DType::q4_0)] = decode_q4_0<float>;
  t.f32[int(DType::q4_1)] = decode_q4_1<float>;
  t.f32[int(DType::q5_0)] = decode_q5_0<float>;
  t.f32[int(DType::q5_1)] = decode_q5_1<float>;
  t.f32[int(DType::q8_0)] = decode_q8_0<float>;
  t.f32[int(DType::q2_k)] = decode_q2_k<float>;
  t.f32[int(DType::q3_k)] = decode_q3_k<float>;
  t.f32[int(DType::q4_k)] = decode_q4_k<float>;
  t.f32[int(DType::q5_k)] = decode_q5_k<float>;
  t.f32[int(DType::q6_k)] = decode_q6_k<float>;
#endif
#if defined(__AVX512BW__)
  t.f32[int(DType::bf16)] = decode_bf16_f32;
  t.bf16[int(DType::f32)] = decode_f32_bf16;
  t.bf16[int(DType::f16)] = decode_f16<bf16_t>;
  t.bf16[int(DType::q4_0)] = decode_q4_0<bf16_t>;
  t.bf16[int(DType::q4_1)] = decode_q4_1<bf16_t>;
  t.bf16[int(DType::q5_0)] = decode_q5_0<bf16_t>;
  t.bf16[int(DType::q5_1)] = decode_q5_1<bf16_t>;
  t.bf16[int(DType::q8_0)] = decode_q8_0<bf16_t>;
  t.bf16[int(DType::q2_k)] = decode_q2_k<bf16_t>;
  t.bf16[int(DType::q3_k)] = decode_q3_k<bf16_t>;
  t.bf16[int(DType::q4_k)] = decode_q4_k<bf16_t>;
  t.bf16[int(DType::q5_k)] = decode_q5_k<bf16_t>;
  t.bf16[int(DType::q6_k)] = decode_q6_k<bf16_t>;
#endif
  return t;
}

}  // namespace

extern constinit const DecodeTable FETTLE_ISA_SYMBOL(decode_table) = make_table();

}  // namespace fettle
