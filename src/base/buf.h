// A row-major matrix as kernels and blocks pass it around: a pointer with a shape, never an owner.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/dtype.h"

namespace fettle {

/// [rows, cols] elements of `type` (f32 or bf16), row r at p + r·ld elements. Opaque to blocks: only Ops
/// looks behind p.
struct Buf {
  void* p = nullptr;
  int64_t rows = 0, cols = 0, ld = 0;
  DType type = DType::f32;

  explicit operator bool() const { return p != nullptr; }
  int64_t element_bytes() const { return type == DType::f32 ? 4 : 2; }
  template <class T>
  T* row(int64_t r) const {
    return static_cast<T*>(p) + r * ld;
  }
  Buf rows_from(int64_t begin, int64_t count) const {
    return {static_cast<std::byte*>(p) + begin * ld * element_bytes(), count, cols, ld, type};
  }
  Buf cols_from(int64_t begin, int64_t count) const {
    return {static_cast<std::byte*>(p) + begin * element_bytes(), rows, count, ld, type};
  }
};

}  // namespace fettle
