// Cuts scratch into arrays: the same walk first measures (from null), then hands out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/plan.h"

namespace fettle {

class Carver {
 public:
  explicit Carver(std::byte* base = nullptr) : base_(base) {}

  /// `bytes` more, 64-byte aligned. Null while measuring.
  std::byte* take(int64_t bytes) {
    std::byte* at = base_ ? base_ + used_ : nullptr;
    used_ += round_up(bytes, 64);
    return at;
  }
  float* floats(int64_t count) { return reinterpret_cast<float*>(take(count * 4)); }
  int64_t used() const { return used_; }

 private:
  std::byte* base_;
  int64_t used_ = 0;
};

}  // namespace fettle
