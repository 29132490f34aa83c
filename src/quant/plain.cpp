// F32, F16, BF16: one number after the other, little-endian, at any alignment.
#include <bit>
#include <cstring>

#include "base/half.h"
#include "quant/codecs.h"

namespace fettle {

static_assert(std::endian::native == std::endian::little, "plain types are read as they lie");

namespace {
// A tensor in a file may begin at any byte, so elements are copied, never pointed at.
template <class T>
void decode_halves(const std::byte* in, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) {
    T x;
    std::memcpy(&x, in + i * int64_t(sizeof(T)), sizeof(T));
    out[i] = to_float(x);
  }
}

template <class T, T (*Round)(float)>
void encode_halves(const float* in, int64_t n, std::byte* out) {
  for (int64_t i = 0; i < n; ++i) {
    const T x = Round(in[i]);
    std::memcpy(out + i * int64_t(sizeof(T)), &x, sizeof(T));
  }
}
}  // namespace

void decode_f32(const std::byte* in, int64_t n, float* out) noexcept {
  std::memcpy(out, in, size_t(n) * 4);
}
void encode_f32(const float* in, int64_t n, std::byte* out) noexcept {
  std::memcpy(out, in, size_t(n) * 4);
}
void decode_f16(const std::byte* in, int64_t n, float* out) noexcept {
  decode_halves<f16_t>(in, n, out);
}
void encode_f16(const float* in, int64_t n, std::byte* out) noexcept {
  encode_halves<f16_t, to_f16>(in, n, out);
}
void decode_bf16(const std::byte* in, int64_t n, float* out) noexcept {
  decode_halves<bf16_t>(in, n, out);
}
void encode_bf16(const float* in, int64_t n, std::byte* out) noexcept {
  encode_halves<bf16_t, to_bf16>(in, n, out);
}

}  // namespace fettle
