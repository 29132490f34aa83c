// Tiles: a register-blocked f32 GEMM, sums of its results, and attention's transposition and softmax.
#include "base/isa.h"
#include "kernel/isa/row_kernels.h"
#include "kernel/isa/vec.h"

namespace fettle {
namespace {

// Rows and vectors of C held in registers: enough sums in flight to cover the latency of fma, and b and a
// broadcast fit beside them.
#if defined(__AVX512F__)
constexpr int kRows = 6, kVectors = 4;  // 24 of 32 registers
#elif defined(__AVX2__)
constexpr int kRows = 6, kVectors = 2;  // 12 of 16
#else
constexpr int kRows = 3, kVectors = 4;
#endif

template <int R, int V>
[[gnu::always_inline]] inline void block(const TileGemm& g, const float* a, const float* b, float* c) {
  Vec sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) sum[r][v] = g.add ? load(c + r * g.ldc + v * kLanes) : Vec{};
  for (int64_t k = 0; k < g.k; ++k) {
    Vec right[V];
    for (int v = 0; v < V; ++v) right[v] = load(b + v * kLanes);
    for (int r = 0; r < R; ++r) {
      const Vec left = splat(a[r * g.a_row]);
      for (int v = 0; v < V; ++v) sum[r][v] = fma(left, right[v], sum[r][v]);
    }
    a += g.a_col;
    b += g.ldb;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(c + r * g.ldc + v * kLanes, sum[r][v]);
}

template <int V>
void columns(const TileGemm& g, int64_t n) {
  const float* a = g.a;
  float* c = g.c + n;
  int64_t m = 0;
  for (; m + kRows <= g.m; m += kRows) block<kRows, V>(g, a + m * g.a_row, g.b + n, c + m * g.ldc);
  if constexpr (kRows > 4) {
    for (; m + 4 <= g.m; m += 4) block<4, V>(g, a + m * g.a_row, g.b + n, c + m * g.ldc);
  }
  for (; m + 2 <= g.m; m += 2) block<2, V>(g, a + m * g.a_row, g.b + n, c + m * g.ldc);
  for (; m < g.m; ++m) block<1, V>(g, a + m * g.a_row, g.b + n, c + m * g.ldc);
}

void gemm(const TileGemm& g) noexcept {
  int64_t n = 0;
  for (; n + kVectors * kLanes <= g.n; n += kVectors * kLanes) columns<kVectors>(g, n);
  for (; n < g.n; n += 16) columns<16 / kLanes>(g, n);
}

void add(const float* from, int64_t rows, int64_t n, float* to, int64_t ld) noexcept {
  for (; rows > 0; --rows, from += n, to += ld)
    for (int64_t i = 0; i < n; i += kLanes) store(to + i, load(to + i) + load(from + i));
}

// Of the pair's 2·kLanes numbers: every other group of W from a and from b, and the groups left out.
template <int W, int... I>
FETTLE_VEC void exchange(Vec& a, Vec& b, LaneList<I...>) {
  const Vec first = __builtin_shufflevector(a, b, ((I & W) != 0 ? kLanes + I - W : I)...);
  b = __builtin_shufflevector(a, b, ((I & W) != 0 ? kLanes + I : I + W)...);
  a = first;
}

// Transposes the square of kLanes vectors by log2(kLanes) rounds of exchanging halves, quarters, … of pairs.
template <int W = kLanes / 2>
FETTLE_VEC void transpose_square(Vec (&row)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i)
    if ((i & W) == 0) exchange<W>(row[i], row[i + W], Lanes{});
  if constexpr (W > 1) transpose_square<W / 2>(row);
}

template <class X>
void transpose(const void* const* rows, int64_t count, int64_t cols, float* out) noexcept {
  for (int64_t r = 0; r < kKeyTile; r += kLanes)
    for_vectors(cols, [=](int64_t c, auto size) {
      Vec square[kLanes];
      for (int i = 0; i < kLanes; ++i)
        square[i] = r + i < count ? load(static_cast<const X*>(rows[r + i]) + c, size) : Vec{};
      transpose_square(square);
      const int64_t in_use = cols - c < kLanes ? cols - c : kLanes;
      for (int64_t i = 0; i < in_use; ++i) store(out + (c + i) * kKeyTile + r, square[i]);
    });
}

constexpr int kTileVectors = int(kKeyTile) / kLanes;

FETTLE_VEC IntVec in_sight(int v, int64_t first, int64_t last) {
  const IntVec lane = lane_numbers() + v * kLanes;
  return (lane >= int32_t(first)) & (lane < int32_t(last));
}

void softmax(float* s, int64_t first, int64_t last, float* maximum, float* total, float* o,
             int64_t width) noexcept {
  Vec score[kTileVectors];
  if (first >= last) {
    for (int v = 0; v < kTileVectors; ++v) store(s + v * kLanes, Vec{});
    return;
  }
  Vec top = splat(-__builtin_inff());
  for (int v = 0; v < kTileVectors; ++v) {
    score[v] = in_sight(v, first, last) ? load(s + v * kLanes) : splat(-__builtin_inff());
    top = max(top, score[v]);
  }
  const float before = *maximum, tile = max_lane(top), now = before > tile ? before : tile;
  const float shift = now == -__builtin_inff() ? 0.0f : now;
  Vec part{};
  for (int v = 0; v < kTileVectors; ++v) {
    const Vec p = exp(score[v] - shift);
    store(s + v * kLanes, p);
    part += p;
  }
  if (now > before) {
    const float fade = exp(splat(before - shift))[0];
    for (int64_t i = 0; i < width; i += kLanes) store(o + i, load(o + i) * fade);
    *total *= fade;
    *maximum = now;
  }
  *total += sum(part);
}

void softmax_backward(float* s, float* dp, int64_t first, int64_t last, float lse, float dot) noexcept {
  for (int v = 0; v < kTileVectors; ++v) {
    const IntVec seen = in_sight(v, first, last);
    const Vec p = seen ? exp(load(s + v * kLanes) - lse) : Vec{};
    store(s + v * kLanes, p);
    store(dp + v * kLanes, seen ? p * (load(dp + v * kLanes) - dot) : Vec{});
  }
}

}  // namespace

extern const TileKernels FETTLE_ISA_SYMBOL(tile_kernels);
constinit const TileKernels FETTLE_ISA_SYMBOL(tile_kernels) = {
    .gemm = gemm,
    .add = add,
    .transpose = {transpose<float>, transpose<uint16_t>},
    .softmax = softmax,
    .softmax_backward = softmax_backward,
};

}  // namespace fettle
