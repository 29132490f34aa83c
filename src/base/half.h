// bf16 and f16 as bits, with round-to-nearest-even conversions. Plain functions: usable in any object.
#pragma once

#include <bit>
#include <cstdint>

namespace fettle {

struct bf16_t {  // NOLINT(readability-identifier-naming): named as uint16_t is
  uint16_t bits;
};
struct f16_t {  // NOLINT(readability-identifier-naming)
  uint16_t bits;
};

inline float to_float(bf16_t x) {
  return std::bit_cast<float>(uint32_t(x.bits) << 16);
}

inline bf16_t to_bf16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x);
  if ((u & 0x7fffffffu) > 0x7f800000u) return {uint16_t((u >> 16) | 0x40)};  // keep NaN a NaN
  return {uint16_t((u + 0x7fffu + ((u >> 16) & 1u)) >> 16)};
}

inline float to_float(f16_t x) {
  const uint32_t sign = uint32_t(x.bits & 0x8000u) << 16;
  const uint32_t exp = (x.bits >> 10) & 0x1fu, man = x.bits & 0x3ffu;
  if (exp == 0) {  // zero and subnormals: man · 2^-24 is exact in f32
    const float magnitude = float(man) * 0x1p-24f;
    return std::bit_cast<float>(std::bit_cast<uint32_t>(magnitude) | sign);
  }
  if (exp == 31) return std::bit_cast<float>(sign | 0x7f800000u | (man << 13));
  return std::bit_cast<float>(sign | ((exp + 112) << 23) | (man << 13));
}

inline f16_t to_f16(float x) {
  const uint32_t u = std::bit_cast<uint32_t>(x), sign = (u >> 16) & 0x8000u;
  const uint32_t mag = u & 0x7fffffffu;
  if (mag > 0x7f800000u) return {uint16_t(sign | 0x7e00u)};
  if (mag >= 0x477ff000u) return {uint16_t(sign | 0x7c00u)};  // rounds to infinity
  if (mag < 0x38800000u) {  // subnormal: add a magic number, let the FPU round
    const float r = std::bit_cast<float>(mag) + 0.5f;
    return {uint16_t(sign | (std::bit_cast<uint32_t>(r) - 0x3f000000u))};
  }
  const uint32_t odd = (mag >> 13) & 1u;
  return {uint16_t(sign | ((mag - 0x38000000u + 0xfffu + odd) >> 13))};
}

}  // namespace fettle
