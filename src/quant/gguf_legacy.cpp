// GGUF's blocks of 32: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0. Nibble j holds element j in its low half and element j +
// 16 in its high half. The encoders give ggml's bits: f32 throughout, the block's own unrounded scale for the
// quants, products never fused into sums (this file is compiled with -ffp-contract=off).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "quant/codecs.h"

namespace fettle {

namespace {
constexpr int kBlock = 32, kHalf = 16;

struct Q4_0 {
  f16_t d;
  uint8_t qs[kHalf];
};
struct Q4_1 {
  f16_t d, m;
  uint8_t qs[kHalf];
};
struct Q5_0 {
  f16_t d;
  uint8_t qh[4], qs[kHalf];
};
struct Q5_1 {
  f16_t d, m;
  uint8_t qh[4], qs[kHalf];
};
struct Q8_0 {
  f16_t d;
  int8_t qs[kBlock];
};
static_assert(sizeof(Q4_0) == 18 && sizeof(Q4_1) == 20 && sizeof(Q5_0) == 22 && sizeof(Q5_1) == 24 &&
              sizeof(Q8_0) == 34);

// Blocks are copied in and out: in a mapped file they lie at odd addresses.
template <class B, class F>
void each_block_in(const std::byte* blocks, int64_t n, const F& f) {
  for (int64_t i = 0; i < n / kBlock; ++i) {
    B b;
    std::memcpy(&b, blocks + i * int64_t(sizeof(B)), sizeof(B));
    f(b, i * kBlock);
  }
}

template <class B, class F>
void each_block_out(const float* in, int64_t n, std::byte* out, const F& f) {
  for (int64_t i = 0; i < n / kBlock; ++i) {
    const B b = f(in + i * kBlock);
    std::memcpy(out + i * int64_t(sizeof(B)), &b, sizeof(B));
  }
}

uint32_t high_bits(const uint8_t (&qh)[4]) {
  uint32_t bits;
  std::memcpy(&bits, qh, 4);
  return bits;
}

// The value of the largest magnitude with its sign; the first of equals.
float signed_max(const float* x) {
  float amax = 0, max = 0;
  for (int j = 0; j < kBlock; ++j) {
    if (amax < std::abs(x[j])) {
      amax = std::abs(x[j]);
      max = x[j];
    }
  }
  return max;
}

// Truncates like a C cast, but a NaN or an overflow is 0 or the bound instead of undefined.
int truncated(float x, int most) {
  if (!(x >= 0)) return 0;
  return x >= float(most) ? most : int(x);
}

float inverse(float d) {
  return d != 0 ? 1.0f / d : 0.0f;
}

struct Range {
  float min, max;
};
// The first of equals at both ends: of 0 and -0 either could be the scale's sign.
Range range_of(const float* x) {
  Range r{x[0], x[0]};
  for (int j = 1; j < kBlock; ++j) {
    if (x[j] < r.min) r.min = x[j];
    if (x[j] > r.max) r.max = x[j];
  }
  return r;
}
}  // namespace

void decode_q4_0(const std::byte* blocks, int64_t n, float* out) noexcept {
  each_block_in<Q4_0>(blocks, n, [&](const Q4_0& b, int64_t at) {
    const float d = to_float(b.d);
    for (int j = 0; j < kHalf; ++j) {
      out[at + j] = d * float((b.qs[j] & 15) - 8);
      out[at + j + kHalf] = d * float((b.qs[j] >> 4) - 8);
    }
  });
}

void decode_q4_1(const std::byte* blocks, int64_t n, float* out) noexcept {
  each_block_in<Q4_1>(blocks, n, [&](const Q4_1& b, int64_t at) {
    const float d = to_float(b.d), m = to_float(b.m);
    for (int j = 0; j < kHalf; ++j) {
      out[at + j] = d * float(b.qs[j] & 15) + m;
      out[at + j + kHalf] = d * float(b.qs[j] >> 4) + m;
    }
  });
}

void decode_q5_0(const std::byte* blocks, int64_t n, float* out) noexcept {
  each_block_in<Q5_0>(blocks, n, [&](const Q5_0& b, int64_t at) {
    const float d = to_float(b.d);
    const uint32_t high = high_bits(b.qh);
    for (int j = 0; j < kHalf; ++j) {
      out[at + j] = d * float(int((b.qs[j] & 15u) | (high >> j & 1u) << 4) - 16);
      out[at + j + kHalf] = d * float(int((b.qs[j] >> 4) | (high >> (j + kHalf) & 1u) << 4) - 16);
    }
  });
}

void decode_q5_1(const std::byte* blocks, int64_t n, float* out) noexcept {
  each_block_in<Q5_1>(blocks, n, [&](const Q5_1& b, int64_t at) {
    const float d = to_float(b.d), m = to_float(b.m);
    const uint32_t high = high_bits(b.qh);
    for (int j = 0; j < kHalf; ++j) {
      out[at + j] = d * float((b.qs[j] & 15u) | (high >> j & 1u) << 4) + m;
      out[at + j + kHalf] = d * float((b.qs[j] >> 4) | (high >> (j + kHalf) & 1u) << 4) + m;
    }
  });
}

void decode_q8_0(const std::byte* blocks, int64_t n, float* out) noexcept {
  each_block_in<Q8_0>(blocks, n, [&](const Q8_0& b, int64_t at) {
    const float d = to_float(b.d);
    for (int j = 0; j < kBlock; ++j) out[at + j] = d * float(b.qs[j]);
  });
}

void encode_q4_0(const float* in, int64_t n, std::byte* out) noexcept {
  each_block_out<Q4_0>(in, n, out, [](const float* x) {
    const float d = signed_max(x) / -8, id = inverse(d);
    Q4_0 b{.d = to_f16(d), .qs = {}};
    for (int j = 0; j < kHalf; ++j) {
      const int low = truncated(x[j] * id + 8.5f, 15), high = truncated(x[j + kHalf] * id + 8.5f, 15);
      b.qs[j] = uint8_t(low | high << 4);
    }
    return b;
  });
}

void encode_q4_1(const float* in, int64_t n, std::byte* out) noexcept {
  each_block_out<Q4_1>(in, n, out, [](const float* x) {
    const auto [min, max] = range_of(x);
    const float d = (max - min) / 15, id = inverse(d);
    Q4_1 b{.d = to_f16(d), .m = to_f16(min), .qs = {}};
    for (int j = 0; j < kHalf; ++j) {
      const int low = truncated((x[j] - min) * id + 0.5f, 15);
      const int high = truncated((x[j + kHalf] - min) * id + 0.5f, 15);
      b.qs[j] = uint8_t(low | high << 4);
    }
    return b;
  });
}

namespace {
// Packs 32 quants of five bits: nibbles as in the 4-bit types, the fifth bits in a word of their own.
void pack_five(const int (&q)[kBlock], uint8_t (&qh)[4], uint8_t (&qs)[kHalf]) {
  uint32_t high = 0;
  for (int j = 0; j < kHalf; ++j) qs[j] = uint8_t((q[j] & 15) | (q[j + kHalf] & 15) << 4);
  for (int j = 0; j < kBlock; ++j) high |= uint32_t(q[j] >> 4) << j;
  std::memcpy(qh, &high, 4);
}
}  // namespace

void encode_q5_0(const float* in, int64_t n, std::byte* out) noexcept {
  each_block_out<Q5_0>(in, n, out, [](const float* x) {
    const float d = signed_max(x) / -16, id = inverse(d);
    int q[kBlock];
    for (int j = 0; j < kBlock; ++j) q[j] = truncated(x[j] * id + 16.5f, 31);
    Q5_0 b{.d = to_f16(d), .qh = {}, .qs = {}};
    pack_five(q, b.qh, b.qs);
    return b;
  });
}

void encode_q5_1(const float* in, int64_t n, std::byte* out) noexcept {
  each_block_out<Q5_1>(in, n, out, [](const float* x) {
    const auto [min, max] = range_of(x);
    const float d = (max - min) / 31, id = inverse(d);
    int q[kBlock];
    for (int j = 0; j < kBlock; ++j) q[j] = truncated((x[j] - min) * id + 0.5f, 31);
    Q5_1 b{.d = to_f16(d), .m = to_f16(min), .qh = {}, .qs = {}};
    pack_five(q, b.qh, b.qs);
    return b;
  });
}

void encode_q8_0(const float* in, int64_t n, std::byte* out) noexcept {
  each_block_out<Q8_0>(in, n, out, [](const float* x) {
    const float d = std::abs(signed_max(x)) / 127, id = inverse(d);
    Q8_0 b{.d = to_f16(d), .qs = {}};
    for (int j = 0; j < kBlock; ++j) {
      const float q = std::round(x[j] * id);  // halves away from zero
      b.qs[j] = int8_t(std::isnan(q) ? 0.0f : std::clamp(q, -128.0f, 127.0f));
    }
    return b;
  });
}

}  // namespace fettle
