// Packing: rows or columns of a weight in any storage type, decoded and laid out as a microkernel's B [k, n].
#pragma once

#include "kernel/gemm/panel_kernels.h"
#include "quant/storage.h"
#include "quant/weight.h"

namespace fettle {

/// An f32 matrix (an adapter's A or B) seen as a weight.
WeightView as_weight(const Buf& matrix);

class PanelPacker {
 public:
  PanelPacker(const PanelKernels& kernels, const DecodeTable& decode, bool bf16)
      : kernels_(kernels), decode_(decode), bf16_(bf16) {}

  /// A B panel of k × n in bytes; k is rounded up to a pair for bf16.
  int64_t bytes(int64_t k, int64_t n) const { return bf16_ ? (k + k % 2) * n * 2 : k * n * 4; }

  /// For y = x·Wᵀ: B[i][c] = W[row + c][k0 + i], c < rows, zero up to `padded` columns; the pitch of `out` is
  /// ldb columns. k0 and k fall on block borders of the storage type. `scratch`: transpose_scratch(k) bytes.
  void transposed(const WeightView& w, int64_t row, int64_t rows, int64_t padded, int64_t k0, int64_t k,
                  std::byte* scratch, void* out, int64_t ldb) const;
  int64_t transpose_scratch(int64_t k) const { return kTransposedRows * (k + 2) * (bf16_ ? 2 : 4); }

  /// For dx = dy·W: B[i][c] = W[k0 + i][col + c], c < cols, in sub-panels of `width` columns (a multiple of
  /// 16) that lie `bytes(k, width)` apart; zero up to the last sub-panel's end. col and cols fall on block
  /// borders. `scratch`: straight_scratch(cols) bytes.
  void straight(const WeightView& w, int64_t k0, int64_t k, int64_t col, int64_t cols, int64_t width,
                std::byte* scratch, void* out) const;
  int64_t straight_scratch(int64_t cols) const { return 2 * (cols + 64) * (bf16_ ? 2 : 4); }

  bool bf16() const { return bf16_; }
  const PanelKernels& kernels() const { return kernels_; }

 private:
  static constexpr int64_t kTransposedRows = 16;

  const PanelKernels& kernels_;
  const DecodeTable& decode_;
  bool bf16_;
};

/// Columns per decoded strip of w for straight(): a multiple of `width` that falls on block borders.
int64_t strip_width(const WeightView& w, int64_t width);

}  // namespace fettle
