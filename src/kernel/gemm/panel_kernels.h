// What the loop nests do around a microkernel, compiled once per instruction set (isa/panels.cpp): repacking
// a decoded panel, finishing a tile, dropping inputs.
#pragma once

#include <cstdint>

#include "kernel/isa.h"

namespace fettle {

/// Who asks for a dropout mask: all that a draw depends on, but the linear and the column.
struct DropoutRow {
  uint64_t key = 0;       // of the sample, in this step
  uint32_t position = 0;  // in the sample
  uint32_t salt = 0;      // second half of the sample's key
};

struct PanelKernels {
  const char* isa;

  /// out[c · ld_out + r] = in[r · ld_in + c], r < rows, c < cols; lanes of 32 bits: f32, or two bf16 along a
  /// row.
  void (*transpose)(const uint32_t* in, int64_t ld_in, int64_t rows, int64_t cols, uint32_t* out,
                    int64_t ld_out) noexcept;
  /// out[2c] = even[c], out[2c + 1] = odd[c]. Elements are bf16.
  void (*interleave)(const uint16_t* even, const uint16_t* odd, int64_t n, uint16_t* out) noexcept;
  /// y[kF32 | kBf16][j] = scale · c[j] + bias[j] (+ y[j] with add), rounded once; bias may be null.
  void (*finish[2])(const float* c, float scale, const float* bias, bool add, void* y, int64_t n) noexcept;
  /// out[j] = 0 or `keep`, for columns [first, first + n) of a row of the linear `stream`; 0 where 16 random
  /// bits < threshold.
  void (*dropout)(const DropoutRow& row, uint32_t stream, int64_t first, int64_t n, uint32_t threshold,
                  float keep, float* out) noexcept;
  /// y = x · m by element, x and y both f32 (kF32) or both bf16 (kBf16).
  void (*multiply[2])(const void* x, const float* m, void* y, int64_t n) noexcept;
  /// c += a · m by element.
  void (*multiply_add)(const float* a, const float* m, float* c, int64_t n) noexcept;
};

/// The table of an instruction set. It must be supported here: nothing checks again.
const PanelKernels& panel_kernels(Isa isa);

}  // namespace fettle
