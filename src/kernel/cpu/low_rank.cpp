// dA += duᵀ·drop(x), dB += scale·dyᵀ·u: contractions over tokens, every tile of a gradient with one owner
// that walks the blocks of its adapter's rows in order.
//
// The narrow operands (u, du) are transposed once per block; the wide ones (x, dy) are packed by the tile's
// owner, 64 columns at a time. Rows beyond a block's own are packed as zeros: they belong to others.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/gemm/carver.h"
#include "kernel/gemm/low_rank_layout.h"
#include "kernel/gemm/microkernels.h"
#include "kernel/gemm/panel.h"
#include "kernel/gemm/tiling.h"
#include "kernel/isa/row_kernels.h"

namespace fettle {

namespace {
constexpr int64_t kTokens = RowBlocks::kMaxRows;
constexpr int64_t kTokenSteps[] = {128, 64, 32, 16};  // a block's padded rows are a sum of these
constexpr int64_t kRowsAhead = 32;                    // packing so many rows takes as long as memory does

// One tile of work: columns of dA for projections [first, last) of an adapter, or rows of one dB.
struct Tile {
  bool b;  // dB
  int32_t adapter;
  uint32_t first, last;
  int64_t column;
};
}  // namespace

struct CpuOps::LowRankCall {
  CpuOps& ops;
  const BatchView& batch;
  Buf x;
  std::span<const Buf> u, dy, du;
  std::span<const Proj> projs;
  bool bf16;

  int64_t rows;                // of the transposed stack: Σ ranks, each rounded up to 16
  std::byte* stack = nullptr;  // per block [du: rows, then u: rows] × kTokens, compute type

  int64_t element() const { return bf16 ? 2 : 4; }
  static int64_t stack_rows(const LowRank* d) { return d ? round_up(d->A.rows, 16) : 0; }
  int64_t offset(int64_t adapter, size_t p) const {
    int64_t at = 0;
    for (size_t i = 0; i < p; ++i) at += stack_rows(delta_of(projs[i], adapter));
    return at;
  }
  std::byte* narrow(size_t block, bool is_u, int64_t row) const {
    return stack + ((int64_t(block) * 2 + is_u) * rows + row) * kTokens * element();
  }
  GemmShape shape(int64_t tokens, bool add) const {
    return {bf16, add, int32_t(kPanel), int32_t(tokens), kTokens, kPanel, kPanel};
  }
  static int64_t scratch_bytes(int64_t rows) {
    return kTokens * kPanel * 4 + round_up(rows, 16) * kPanel * 4 + 2 * kTokens * kPanel * 4 + kPanel * 4 +
           1024;
  }

  void transpose_block(size_t index, std::byte* scratch);
  void run(const Tile& tile, std::byte* scratch);
  void pack(const Buf& wide, const RowBlock& block, int64_t col, int64_t n, const LowRank* dropped,
            std::byte* rows_at, float* mask, std::byte* panel);
  void add_dA(const Tile& tile, const float* c, int64_t n);
  void add_dB(const Tile& tile, const float* c, int64_t n);
};

void CpuOps::low_rank_grad(const BatchView& batch, Buf x, std::span<const Buf> u, std::span<const Buf> dy,
                           std::span<const Buf> du, std::span<const Proj> projs) {
  const auto trains = [&](int64_t a) {
    return std::ranges::any_of(projs, [&](const Proj& p) {
      const LowRank* d = delta_of(p, a);
      return d && (d->dA || d->dB);
    });
  };
  if (x.rows == 0) return;
  blocks_.build(batch.segments, x.rows, trains);
  dropout_rows(batch, projs, dropout_rows_);
  int64_t rows = 0;
  for (int64_t a = 0; a < adapters(projs); ++a) {
    int64_t sum = 0;
    for (const Proj& p : projs) sum += LowRankCall::stack_rows(delta_of(p, a));
    rows = std::max(rows, sum);
  }
  if (rows == 0) return;
  const bool bf16 = x.type == DType::bf16 && micro_->bf16();
  const int64_t blocks = int64_t(blocks_.all().size());
  LowRankCall call{*this, batch, x, u, dy, du, projs, bf16, rows};
  call.stack = shared_scratch_.get(blocks * 2 * rows * kTokens * call.element());
  for (const int64_t tokens : kTokenSteps) {
    micro_->get(call.shape(tokens, false));
    micro_->get(call.shape(tokens, true));
  }
  const int64_t transpose_bytes = 2 * kTokens * round_up(rows, 16) * 4;
  reserve_thread_scratch(std::max(LowRankCall::scratch_bytes(rows), transpose_bytes));
  pool_.parallel_for(blocks, [&](int64_t i, int thread) {
    call.transpose_block(size_t(i), thread_scratch_[size_t(thread)].get(0));
  });

  // Tiles are counted, not listed: (adapter, dA units and dB of each projection, columns).
  const auto visit = [&](int64_t wanted, auto&& body) {
    int64_t count = 0;
    const auto columns = [&](bool b, int64_t a, size_t first, size_t last, int64_t width) {
      const int64_t n = panel_count(width, kPanel);
      if (wanted >= count && wanted < count + n) {
        body(Tile{b, int32_t(a), uint32_t(first), uint32_t(last), (wanted - count) * kPanel});
      }
      count += n;
    };
    for (int64_t a = 0; a < adapters(projs); ++a) {
      if (!trains(a)) continue;
      const bool drop = drops(batch, projs, a);
      if (!drop) columns(false, a, 0, projs.size(), x.cols);
      for (size_t p = 0; p < projs.size(); ++p) {
        const LowRank* d = delta_of(projs[p], a);
        if (d && drop && d->dA) columns(false, a, p, p + 1, x.cols);
        if (d && d->dB) columns(true, a, p, p + 1, projs[p].w.rows);
      }
    }
    return count;
  };
  pool_.parallel_for(visit(-1, [](const Tile&) {}), [&](int64_t i, int thread) {
    visit(i, [&](const Tile& tile) { call.run(tile, thread_scratch_[size_t(thread)].get(0)); });
  });
}

// du and u of a block as [rank, tokens], zero beyond its own rows.
void CpuOps::LowRankCall::transpose_block(size_t index, std::byte* scratch) {
  const RowBlock& block = ops.blocks_.all()[index];
  for (size_t p = 0; p < projs.size(); ++p) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    if (!delta) continue;
    const int64_t rank = delta->A.rows, padded = stack_rows(delta);
    float* tokens = reinterpret_cast<float*>(scratch);
    float* ranks = tokens + kTokens * padded;
    for (const bool is_u : {false, true}) {
      if (is_u ? !delta->dB : !delta->dA) continue;
      const Buf& from = is_u ? u[p] : du[p];
      std::memset(tokens, 0, size_t(block.padded() * padded) * 4);
      for (int64_t r = 0; r < block.count; ++r) {
        const void* row =
            static_cast<const std::byte*>(from.p) + (block.begin + r) * from.ld * from.element_bytes();
        ops.rows_.convert[from.type == DType::bf16][kF32](row, tokens + r * padded, rank);
      }
      ops.panels_.transpose(reinterpret_cast<const uint32_t*>(tokens), padded, block.padded(), padded,
                            reinterpret_cast<uint32_t*>(ranks), kTokens);
      for (int64_t i = 0; i < padded; ++i) {
        ops.rows_.convert[kF32][bf16](ranks + i * kTokens, narrow(index, is_u, offset(block.adapter, p) + i),
                                      block.padded());
      }
    }
  }
}

void CpuOps::LowRankCall::run(const Tile& tile, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panel = carver.take(kTokens * kPanel * 4);
  std::byte* rows_at = carver.take(2 * kTokens * kPanel * 4);
  float* mask = carver.floats(kPanel);
  float* c = carver.floats(round_up(rows, 16) * kPanel);
  const Buf& wide = tile.b ? dy[tile.first] : x;
  const int64_t n = std::min(kPanel, wide.cols - tile.column);
  const int64_t first = offset(tile.adapter, tile.first), count = offset(tile.adapter, tile.last) - first;
  const LowRank* only = tile.last - tile.first == 1 ? delta_of(projs[tile.first], tile.adapter) : nullptr;
  const LowRank* dropped = !tile.b && drops(batch, only) ? only : nullptr;
  bool more = false;
  const std::span blocks = ops.blocks_.all();
  for (size_t i = 0; i < blocks.size(); ++i) {
    const RowBlock& block = blocks[i];
    if (block.adapter != tile.adapter) continue;
    pack(wide, block, tile.column, n, dropped, rows_at, mask, panel);
    int64_t at = 0;
    for (const int64_t step : kTokenSteps) {
      for (; at + step <= block.padded(); at += step, more = true) {
        ops.micro_->at(shape(step, more))(count, narrow(i, tile.b, first) + at * element(),
                                          panel + at * kPanel * element(), c);
      }
    }
  }
  if (!more) return;
  if (tile.b) {
    add_dB(tile, c, n);
  } else {
    add_dA(tile, c, n);
  }
}

// B [tokens, 64] of a block: its own rows of `wide`, dropped where the delta's input was, then zeros.
void CpuOps::LowRankCall::pack(const Buf& wide, const RowBlock& block, int64_t col, int64_t n,
                               const LowRank* dropped, std::byte* rows_at, float* mask, std::byte* panel) {
  const bool half = wide.type == DType::bf16;
  std::byte* to = bf16 ? rows_at : panel;
  const int64_t row_bytes = kPanel * element();
  // Whole pairs of bf16 rows are interleaved as they lie; what is left goes through rows of its own.
  const int64_t direct = bf16 && half && !dropped && n == kPanel ? block.count - block.count % 2 : 0;
  for (int64_t r = 0; r < direct; r += 2) {
    const auto* even = wide.row<uint16_t>(block.begin + r) + col;
    // Rows lie too far apart for the processor to guess. A prefetch may point behind the last one.
    for (const int64_t ahead : {kRowsAhead, kRowsAhead + 1}) {
      __builtin_prefetch(even + ahead * wide.ld);
      __builtin_prefetch(even + ahead * wide.ld + kPanel - 1);
    }
    ops.panels_.interleave(even, even + wide.ld, kPanel, reinterpret_cast<uint16_t*>(panel) + r * kPanel);
  }
  for (int64_t r = direct; r < block.padded(); ++r) {
    std::byte* at = to + r * row_bytes;
    if (r >= block.count || n < kPanel) std::memset(at, 0, size_t(row_bytes));
    if (r >= block.count) continue;
    const void* from =
        static_cast<const std::byte*>(wide.p) + ((block.begin + r) * wide.ld + col) * wide.element_bytes();
    ops.rows_.convert[half][bf16](from, at, n);
    if (!dropped) continue;
    const Dropout dropout = dropout_of(*dropped);
    ops.panels_.dropout(ops.dropout_rows_[size_t(block.begin + r)], dropped->stream, col, n,
                        dropout.threshold, dropout.keep, mask);
    ops.panels_.multiply[bf16](at, mask, at, n);
  }
  for (int64_t r = direct; bf16 && r < block.padded(); r += 2) {
    const auto* even = reinterpret_cast<const uint16_t*>(rows_at) + r * kPanel;
    ops.panels_.interleave(even, even + kPanel, kPanel, reinterpret_cast<uint16_t*>(panel) + r * kPanel);
  }
}

void CpuOps::LowRankCall::add_dA(const Tile& tile, const float* c, int64_t n) {
  const int64_t first = offset(tile.adapter, tile.first);
  for (size_t p = tile.first; p < tile.last; ++p) {
    const LowRank* delta = delta_of(projs[p], tile.adapter);
    if (!delta || !delta->dA) continue;
    for (int64_t i = 0; i < delta->A.rows; ++i) {
      const float* from = c + (offset(tile.adapter, p) - first + i) * kPanel;
      ops.rows_.add[kF32][kF32](from, delta->dA.row<float>(i) + tile.column, n);
    }
  }
}

void CpuOps::LowRankCall::add_dB(const Tile& tile, const float* c, int64_t n) {
  const LowRank& delta = *delta_of(projs[tile.first], tile.adapter);
  for (int64_t j = 0; j < n; ++j) {
    float* to = delta.dB.row<float>(tile.column + j);
    for (int64_t i = 0; i < delta.A.rows; ++i) to[i] += delta.scale * c[i * kPanel + j];
  }
}

}  // namespace fettle
