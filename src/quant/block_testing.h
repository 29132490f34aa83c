// For tests: which bytes of a block are not free.
#pragma once

#include <cstdint>
#include <vector>

#include "base/dtype.h"

namespace fettle::testing {

/// Byte offsets of the f16 fields of a block. Any other byte of a block may hold anything; random bits here
/// could be infinity or NaN, whose payload is nobody's promise.
inline std::vector<int64_t> half_fields(DType type) {
  switch (type) {
    case DType::f32:
      return {};
    case DType::q4_1:
    case DType::q5_1:
    case DType::q4_k:
    case DType::q5_k:
      return {0, 2};
    case DType::q2_k:
      return {80, 82};
    case DType::q3_k:
      return {108};
    case DType::q6_k:
      return {208};
    default:
      return {0};
  }
}

}  // namespace fettle::testing
