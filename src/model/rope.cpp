#include "model/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/error.h"

namespace fettle {

namespace {

// Llama 3: long waves are slowed by `factor`, short ones kept, those between blended.
double llama3_scaled(double inv, const RopeParams& rope) {
  const double wavelength = 2 * std::numbers::pi / inv;
  if (wavelength > rope.original_context / rope.low_freq_factor) return inv / rope.factor;
  if (wavelength < rope.original_context / rope.high_freq_factor) return inv;
  const double smooth = (rope.original_context / wavelength - rope.low_freq_factor) /
                        (rope.high_freq_factor - rope.low_freq_factor);
  return (1 - smooth) * inv / rope.factor + smooth * inv;
}

}  // namespace

std::vector<double> rope_frequencies(const RopeParams& rope, int64_t rotary_dim) {
  FETTLE_CHECK(rotary_dim > 0 && rotary_dim % 2 == 0, "rotary dim {}", rotary_dim);
  std::vector<double> inv(size_t(rotary_dim / 2));
  for (size_t j = 0; j < inv.size(); ++j) {
    inv[j] = std::pow(rope.theta, -double(2 * j) / double(rotary_dim));
    if (rope.kind == RopeKind::linear) inv[j] /= rope.factor;
    if (rope.kind == RopeKind::llama3) inv[j] = llama3_scaled(inv[j], rope);
  }
  if (!rope.freq_divisors.empty()) {
    FETTLE_CHECK(rope.freq_divisors.size() == inv.size());
    for (size_t j = 0; j < inv.size(); ++j) inv[j] /= double(rope.freq_divisors[j]);
  }
  return inv;
}

void RopeCache::cover(int64_t count) {
  const int64_t half = int64_t(frequencies_.size()), have = int64_t(cos_.size()) / half;
  if (count <= have) return;
  const int64_t want = std::max(count, 2 * have);
  cos_.resize(size_t(want * half));
  sin_.resize(size_t(want * half));
  for (int64_t p = have; p < want; ++p)
    for (int64_t j = 0; j < half; ++j) {
      // In double: an angle rounded to f32 is off by 3e-5 at position 1000, far more than all our other
      // rounding.
      const double angle = double(p) * frequencies_[size_t(j)];
      cos_[size_t(p * half + j)] = float(std::cos(angle));
      sin_[size_t(p * half + j)] = float(std::sin(angle));
    }
  table_ = {.cos = {cos_.data(), want, half, half, DType::f32},
            .sin = {sin_.data(), want, half, half, DType::f32}};
}

}  // namespace fettle
