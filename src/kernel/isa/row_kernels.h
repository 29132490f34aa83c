// Kernels over single rows and small tiles, compiled once per instruction set: one table each (isa/rows.cpp,
// tiles.cpp). A pointer to void is a span of f32 or bf16; the table's index says which: kF32 or kBf16, in the
// order of arguments. Spans need no alignment and no padding unless said. Every result is a function of its
// own arguments: never of alignment, and an element never of how long its span is.
#pragma once

#include <cstdint>

#include "kernel/isa.h"

namespace fettle {

constexpr int kF32 = 0, kBf16 = 1, kElementTypes = 2;

/// Keys per tile of attention, counted from each sequence's first key.
constexpr int64_t kKeyTile = 64;

/// c[m][n] (= | += with add) Σ_k a(m, k)·b[k][n], f32, k ascending: the bits of an element do not depend on m
/// or n. a(m, k) = a[m·a_row + k·a_col], so a transposed left operand costs nothing. n is a multiple of 16.
struct TileGemm {
  int64_t m, n, k;
  const float* a;
  int64_t a_row, a_col;
  const float* b;
  int64_t ldb;
  float* c;
  int64_t ldc;
  bool add;
};

/// Tiles of products and of attention: f32, attention's with 64 columns (keys).
struct TileKernels {
  void (*gemm)(const TileGemm&) noexcept;
  /// to[r][c] += from[r][c], r < rows, c < n, a multiple of 16; `from` is packed.
  void (*add)(const float* from, int64_t rows, int64_t n, float* to, int64_t ld) noexcept;

  /// out[c][r] = rows[r][c] for r < count, 0 for count <= r < 64; out is [cols, 64].
  void (*transpose[kElementTypes])(const void* const* rows, int64_t count, int64_t cols, float* out) noexcept;

  /// One row of scores against one key tile. Keys outside [first, last) count as masked, whatever s holds
  /// there. s becomes exp(s - m) with m the maximum so far (*maximum, updated); *total the sum so far; o
  /// [width] (a multiple of 16) is brought to the new maximum. A row with no key in sight changes nothing and
  /// gets s = 0.
  void (*softmax)(float* s, int64_t first, int64_t last, float* maximum, float* total, float* o,
                  int64_t width) noexcept;

  /// Backward of the same: s becomes p = exp(s - lse), dp becomes p·(dp - dot), 0 outside [first, last).
  void (*softmax_backward)(float* s, float* dp, int64_t first, int64_t last, float lse, float dot) noexcept;
};

/// One step's factors, already multiplied out in double.
struct AdamWFactors {
  float grad_scale;
  float keep;  // 1 - lr·weight_decay
  float one_minus_beta1, beta2, one_minus_beta2;
  float sqrt_correction2;  // sqrt(1 - beta2^step)
  float eps;
  float step_size;  // lr / (1 - beta1^step)
};

struct DotKernels;      // isa/dot_kernels.h
struct ProductKernels;  // isa/product_kernels.h

struct RowKernels {
  const char* isa;
  const TileKernels* tile;
  const DotKernels* dots;
  const ProductKernels* products;

  // ── spans ──
  void (*convert[kElementTypes][kElementTypes])(const void* x, void* y, int64_t n) noexcept;
  /// y = scale·x
  void (*scale[kElementTypes][kElementTypes])(const void* x, float scale, void* y, int64_t n) noexcept;
  /// y += x, one rounding
  void (*add[kElementTypes][kElementTypes])(const void* x, void* y, int64_t n) noexcept;
  /// y += a·x
  void (*axpy)(float a, const float* x, float* y, int64_t n) noexcept;
  float (*dot[kElementTypes][kElementTypes])(const void* x, const void* y, int64_t n) noexcept;
  void (*exp)(const float* x, float* y, int64_t n) noexcept;
  void (*log)(const float* x, float* y, int64_t n) noexcept;
  /// -inf for n = 0
  float (*max)(const float* x, int64_t n) noexcept;
  /// y = exp(x - shift); returns the sum of y. y null: the sum alone.
  float (*exp_sum)(const float* x, float shift, float* y, int64_t n) noexcept;
  double (*sum_squares)(const float* x, int64_t n) noexcept;

  // ── rows of the model ──
  /// y = x·r·w with r = 1 / sqrt(mean(x²) + eps)
  void (*rms_norm[kElementTypes][kElementTypes])(const void* x, const float* w, float eps, void* y,
                                                 int64_t n) noexcept;
  /// [x][dy][dx]: dx (= | += with add) r·(w·dy - x·r²·mean(x·w·dy)); returns r
  float (*rms_norm_backward[kElementTypes][kElementTypes][kElementTypes])(const void* x, const float* w,
                                                                          float eps, const void* dy, void* dx,
                                                                          bool add, int64_t n) noexcept;
  /// [x][dy]: dw[n] += Σ_t dy[t][n]·x[t][n]·r[t], t ascending
  void (*rms_norm_dw[kElementTypes][kElementTypes])(const void* x, int64_t ldx, const void* dy, int64_t lddy,
                                                    const float* r, int64_t rows, float* dw,
                                                    int64_t n) noexcept;
  /// Rotates the pairs (j, j + half) of each head in place: by the angle, or back with inverse.
  void (*rope[kElementTypes])(void* x, int64_t heads, int64_t head_dim, const float* cos, const float* sin,
                              int64_t half, bool inverse) noexcept;
  /// By Activation and type: out = act(gate)·up
  void (*gated_act[2][kElementTypes])(const void* gate, const void* up, void* out, int64_t n) noexcept;
  /// [Activation][gate, up, dgate, dup][dout]
  void (*gated_act_backward[2][kElementTypes][kElementTypes])(const void* gate, const void* up,
                                                              const void* dout, void* dgate, void* dup,
                                                              int64_t n) noexcept;
  void (*adamw)(float* param, float* grad, float* m, float* v, const AdamWFactors&, int64_t n) noexcept;
};

/// The table of an instruction set. It must be supported here: nothing checks again.
const RowKernels& row_kernels(Isa isa);

}  // namespace fettle
