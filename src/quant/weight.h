// A weight matrix as it lies in its file, and how to decode rows of it.
#pragma once

#include "base/buf.h"
#include "base/half.h"

namespace fettle {

/// Where row `r` of the Hugging Face layout stands in a file that interleaves the halves of each head of `d`
/// rows.
inline int64_t interleaved_row(int64_t r, int32_t head_dim) {
  const auto d = uint32_t(head_dim), head = uint32_t(r) / d, in = uint32_t(r) % d;
  const uint32_t row = head * d + (in < d / 2 ? 2 * in : 2 * (in - d / 2) + 1);
  return int64_t(row);
}

/// The reverse: the row of the Hugging Face layout that such a file has at `stored`.
inline int64_t deinterleaved_row(int64_t stored, int32_t head_dim) {
  const int64_t d = head_dim, head = stored / d, in = stored % d;
  return head * d + in % 2 * (d / 2) + in / 2;
}

/// [rows, cols] in any storage type, row-major, mapped from the file. Rows are addressed in the order of the
/// Hugging Face layout; a GGUF file of the llama family stores the rows of each q/k head with the two halves
/// interleaved, which row() undoes: so rotary embedding, adapters and merging know one order only.
struct WeightView {
  const std::byte* data = nullptr;
  DType type = DType::f32;
  int64_t rows = 0, cols = 0;
  int64_t row_bytes = 0;
  int32_t interleaved_head_dim =
      0;  // 0: rows as stored; else head_dim, and stored row 2i+j of a head is its row j·D/2+i

  explicit operator bool() const { return data != nullptr; }
  const std::byte* row(int64_t r) const {
    if (interleaved_head_dim != 0) r = interleaved_row(r, interleaved_head_dim);
    return data + r * row_bytes;
  }
};

}  // namespace fettle
