// What every file of row operations needs: table indices, and rows dealt out to threads in chunks.
#pragma once

#include <algorithm>

#include "base/buf.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "kernel/isa/row_kernels.h"

namespace fettle {

/// Index into the tables of RowKernels.
inline int element_type(const Buf& buf) {
  FETTLE_CHECK(buf.type == DType::f32 || buf.type == DType::bf16, "activations are f32 or bf16");
  return buf.type == DType::f32 ? kF32 : kBf16;
}

/// Element `col` of row `row`, whatever its type.
inline std::byte* at(const Buf& buf, int64_t row, int64_t col = 0) {
  return static_cast<std::byte*>(buf.p) + (row * buf.ld + col) * buf.element_bytes();
}

/// Elements per task: enough that handing one out costs nothing.
constexpr int64_t kTaskElements = 16384;

/// body(row, thread) for every row. Which rows share a task depends on the shape alone.
template <class Body>
void for_rows(ThreadPool& pool, int64_t rows, int64_t cols, const Body& body) {
  const int64_t chunk = std::max<int64_t>(1, kTaskElements / std::max<int64_t>(1, cols));
  pool.parallel_for((rows + chunk - 1) / chunk, [&](int64_t task, int thread) {
    const int64_t end = std::min(rows, (task + 1) * chunk);
    for (int64_t r = task * chunk; r < end; ++r) body(r, thread);
  });
}

/// body(begin, count) for chunks of a flat span.
template <class Body>
void for_chunks(ThreadPool& pool, int64_t n, const Body& body) {
  pool.parallel_for((n + kTaskElements - 1) / kTaskElements, [&](int64_t task, int) {
    const int64_t begin = task * kTaskElements;
    body(begin, std::min(kTaskElements, n - begin));
  });
}

}  // namespace fettle
