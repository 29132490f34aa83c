// y = x·Wᵀ + bias + scale·drop(x)·Aᵀ·Bᵀ, for all projections of one input.
//
// Parallel loops: the A of all projections are packed, stacked; then u = drop(x)·Aᵀ, a task per block of
// rows; then the tiles: a task owns 64 rows of one weight and a group of row blocks. It decodes and packs its
// panel once, the whole contraction where there is room, and takes every block of rows through it: B's term
// is added to the same f32 tile; bias, residual and the one rounding come last.
#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/gemm/carver.h"
#include "kernel/gemm/low_rank_layout.h"
#include "kernel/gemm/microkernels.h"
#include "kernel/gemm/panel.h"
#include "kernel/gemm/tiling.h"
#include "kernel/isa/product_kernels.h"
#include "kernel/isa/row_kernels.h"

namespace fettle {

struct CpuOps::LinearCall {
  CpuOps& ops;
  const BatchView& batch;
  Buf x;
  std::span<const Proj> projs;
  std::span<const Buf> y, u;
  bool accumulate;

  PanelPacker packer;
  int64_t tokens, k, chunk;        // chunk: of the contraction
  int64_t pitch;                   // of the stack of u, 0 without deltas
  std::byte* stack = nullptr;      // [padded rows, pitch] scale·u in the compute type, rows by place
  std::byte* inputs = nullptr;     // the A of every adapter, packed
  int64_t row_bytes, stack_bytes;  // of x and of the stack

  bool bf16() const { return packer.bf16(); }
  int64_t element() const { return bf16() ? 2 : 4; }
  const std::byte* x_at(int64_t row, int64_t col) const {
    return static_cast<const std::byte*>(x.p) + row * row_bytes + col * element();
  }
  GemmShape shape(int64_t n, int64_t length, bool add, int64_t ldc) const {
    return {bf16(), add, int32_t(n), int32_t(length), x.ld, n, ldc};
  }
  GemmShape delta_shape(int64_t n, int64_t rank) const {
    return {bf16(), true, int32_t(n), int32_t(rank), pitch, n, kPanel, rank <= MicroKernels::piece(bf16())};
  }

  /// Projections whose A are multiplied at once: all of an adapter, or one where it drops elements of its
  /// own.
  struct Unit {
    size_t first, last;
    int64_t columns;  // packed, padding included
    int64_t at;       // columns of this adapter's units before
  };
  Unit unit_of(int64_t adapter, size_t p) const;
  int64_t unit_columns(int64_t adapter) const;  // of all its units
  std::byte* input_panel(int64_t adapter, const Unit& unit, int64_t k0) const;

  void low_rank_inputs();
  void prepare_inputs();
  void pack_input(int64_t adapter, size_t p, std::byte* scratch);
  void low_rank_input(const RowBlock& block, std::byte* scratch);
  void input_unit(const RowBlock& block, const Unit& unit, std::byte* rows, float* mask, float* tile);
  void finish_input(const RowBlock& block, const float* tile);

  /// Scratch of a tile.
  struct TileMemory {
    std::byte *panel, *transpose, *b;
    float* sums;
  };
  int64_t pass() const;  // of the contraction, packed at once: all of it, or whole chunks
  TileMemory carve_tile(Carver& carver, int64_t rows) const;
  void prepare_tiles();
  void tiles();
  /// 64 rows of a weight.
  struct Panel {
    size_t p;
    int64_t row;
  };
  Panel panel_at(int64_t i) const;
  void tile(const Panel& panel, std::span<const RowBlock> blocks, std::byte* scratch);
  void pack_output(size_t p, int64_t row, int64_t n, const RowBlock& block, int32_t& packed,
                   const TileMemory& memory);
  const std::byte* stack_at(size_t p, const RowBlock& block) const {
    return stack + block.place * stack_bytes + stack_offset(projs, block.adapter, p) * element();
  }
  /// Whether a tile's last piece, the low-rank term and the epilogue are one call.
  bool in_registers(size_t p, int64_t n, const RowBlock& block) const;
  void finish_in_registers(size_t p, int64_t row, int64_t n, const RowBlock& block, int64_t k0,
                           const std::byte* panel, const TileMemory& memory, float* sums);
  void delta_term(size_t p, int64_t n, const RowBlock& block, const TileMemory& memory, float* sums);
  void finish(size_t p, int64_t row, int64_t n, const RowBlock& block, const float* sums);
};

void CpuOps::linear(const BatchView& batch, Buf x, std::span<const Proj> projs, std::span<const Buf> y,
                    std::span<const Buf> u, bool accumulate) {
  if (x.rows == 0 || projs.empty()) return;
  const bool bf16 = x.type == DType::bf16 && micro_->bf16() && x.cols % 2 == 0;
  blocks_.build(batch.segments, x.rows, [&](int64_t a) { return has_delta(projs, a); });
  dropout_rows(batch, projs, dropout_rows_);
  const int64_t pitch = stack_pitch(projs);
  const int64_t copy_bytes = operand_bytes(x, bf16);
  LinearCall call{.ops = *this,
                  .batch = batch,
                  .x = x,
                  .projs = projs,
                  .y = y,
                  .u = u,
                  .accumulate = accumulate,
                  .packer = {panels_, decode_, bf16},
                  .tokens = x.rows,
                  .k = x.cols,
                  .chunk = chunk_length(x.cols),
                  .pitch = pitch,
                  .stack_bytes = pitch * (bf16 ? 2 : 4)};
  int64_t columns = 0;
  for (int64_t a = 0; a < adapters(projs); ++a) columns += call.unit_columns(a);
  const auto carve = [&](Carver carver) {
    std::byte* copy = carver.take(copy_bytes);
    call.stack = carver.take(blocks_.padded_rows() * pitch * 4);
    call.inputs = carver.take(columns * x.cols * 4);
    return std::pair{copy, carver.used()};
  };
  call.x = operand(x, bf16, carve(Carver(shared_scratch_.get(carve(Carver()).second))).first);
  call.row_bytes = call.x.ld * call.element();
  if (pitch != 0) call.low_rank_inputs();
  call.tiles();
}

// ── u ──

CpuOps::LinearCall::Unit CpuOps::LinearCall::unit_of(int64_t adapter, size_t p) const {
  if (!drops(batch, projs, adapter))
    return {0, projs.size(), padded_columns(stack_offset(projs, adapter, projs.size())), 0};
  Unit unit{p, p + 1, padded_columns(stacked(delta_of(projs[p], adapter))), 0};
  for (size_t i = 0; i < p; ++i) {
    const LowRank* delta = delta_of(projs[i], adapter);
    if (delta) unit.at += padded_columns(stacked(delta));
  }
  return unit;
}

int64_t CpuOps::LinearCall::unit_columns(int64_t adapter) const {
  if (!has_delta(projs, adapter)) return 0;
  size_t last = projs.size() - 1;
  while (!delta_of(projs[last], adapter)) --last;
  const Unit unit = unit_of(adapter, last);
  return unit.at + unit.columns;
}

std::byte* CpuOps::LinearCall::input_panel(int64_t adapter, const Unit& unit, int64_t k0) const {
  int64_t before = unit.at;
  for (int64_t a = 0; a < adapter; ++a) before += unit_columns(a);
  return inputs + (before * k + k0 * unit.columns) * element();
}

void CpuOps::LinearCall::prepare_inputs() {
  for (int64_t a = 0; a < adapters(projs); ++a) {
    for (size_t p = 0; p < projs.size(); ++p) {
      if (!delta_of(projs[p], a)) continue;
      const Unit unit = unit_of(a, p);
      for (const int64_t length : {std::min(chunk, k), k % chunk}) {
        if (length == 0) continue;
        for (const bool add : {false, true}) {
          GemmShape s = shape(unit.columns, length, add, pitch);
          if (drops(batch, delta_of(projs[p], a))) s.lda = chunk;
          ops.micro_->get(s);
        }
      }
    }
  }
}

void CpuOps::LinearCall::low_rank_inputs() {
  prepare_inputs();
  Carver size;
  size.take(RowBlocks::kMaxRows * chunk * 4);
  size.take(packer.transpose_scratch(chunk));
  size.take(RowBlocks::kMaxRows * pitch * 4);
  ops.reserve_thread_scratch(size.used());
  const int64_t count = int64_t(projs.size());
  ops.pool_.parallel_for(adapters(projs) * count, [&](int64_t i, int thread) {
    pack_input(i / count, size_t(i % count), ops.thread_scratch_[size_t(thread)].get(0));
  });
  const std::span blocks = ops.blocks_.all();
  ops.pool_.parallel_for(int64_t(blocks.size()), [&](int64_t i, int thread) {
    low_rank_input(blocks[size_t(i)], ops.thread_scratch_[size_t(thread)].get(0));
  });
}

// The columns of one projection's A in the panel of its unit; the last one also clears what is behind it.
void CpuOps::LinearCall::pack_input(int64_t adapter, size_t p, std::byte* scratch) {
  const LowRank* delta = delta_of(projs[p], adapter);
  if (!delta) return;
  const Unit unit = unit_of(adapter, p);
  const int64_t column = stack_offset(projs, adapter, p) - stack_offset(projs, adapter, unit.first);
  const int64_t end = column + stacked(delta);
  const bool last = stack_offset(projs, adapter, unit.last) == stack_offset(projs, adapter, unit.first) + end;
  for (int64_t k0 = 0; k0 < k; k0 += chunk) {
    const int64_t length = std::min(chunk, k - k0);
    std::byte* panel = input_panel(adapter, unit, k0);
    packer.transposed(as_weight(delta->A), 0, delta->A.rows, stacked(delta), k0, length, scratch,
                      panel + column * 4, unit.columns);
    if (last) clear_columns(panel, bf16() ? (length + 1) / 2 : length, unit.columns, end);
  }
}

void CpuOps::LinearCall::low_rank_input(const RowBlock& block, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* rows = carver.take(RowBlocks::kMaxRows * chunk * 4);
  float* mask = reinterpret_cast<float*>(carver.take(packer.transpose_scratch(chunk)));
  float* tile = carver.floats(RowBlocks::kMaxRows * pitch);
  if (has_delta(projs, block.adapter)) {
    // Every linear drops its own elements, so each multiplies its own input. Ascending: a unit's padding may
    // cover the next one's columns, which then overwrites it.
    const bool drop = drops(batch, projs, block.adapter);
    for (size_t p = 0; p < (drop ? projs.size() : 1); ++p) {
      if (!drop || delta_of(projs[p], block.adapter))
        input_unit(block, unit_of(block.adapter, p), rows, mask, tile);
    }
  }
  finish_input(block, tile);
}

void CpuOps::LinearCall::input_unit(const RowBlock& block, const Unit& unit, std::byte* rows, float* mask,
                                    float* tile) {
  const LowRank* only = unit.last - unit.first == 1 ? delta_of(projs[unit.first], block.adapter) : nullptr;
  for (int64_t k0 = 0; k0 < k; k0 += chunk) {
    const int64_t length = std::min(chunk, k - k0);
    GemmShape s = shape(unit.columns, length, k0 > 0, pitch);
    const void* a = x_at(block.begin, k0);
    if (drops(batch, only)) {
      s.lda = chunk;
      a = rows;
      const Dropout dropout = dropout_of(*only);
      for (int64_t r = 0; r < block.count; ++r) {
        ops.panels_.dropout(ops.dropout_rows_[size_t(block.begin + r)], only->stream, k0, length,
                            dropout.threshold, dropout.keep, mask);
        ops.panels_.multiply[bf16()](x_at(block.begin + r, k0), mask, rows + r * chunk * element(), length);
      }
    }
    ops.micro_->at(s)(block.count, a, input_panel(block.adapter, unit, k0),
                      tile + stack_offset(projs, block.adapter, unit.first));
  }
}

void CpuOps::LinearCall::finish_input(const RowBlock& block, const float* tile) {
  for (size_t p = 0; p < projs.size(); ++p) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    const bool wanted = p < u.size() && u[p];
    const int64_t offset = stack_offset(projs, block.adapter, p);
    for (int64_t r = 0; r < block.count && delta; ++r) {
      std::byte* to = stack + (block.place + r) * stack_bytes + offset * element();
      ops.panels_.finish[bf16()](tile + r * pitch + offset, delta->scale, nullptr, false, to, stacked(delta));
    }
    for (int64_t r = 0; r < block.count && wanted; ++r) {
      const bool half = u[p].type == DType::bf16;
      void* to = static_cast<std::byte*>(u[p].p) + (block.begin + r) * u[p].ld * u[p].element_bytes();
      if (delta) {
        ops.panels_.finish[half](tile + r * pitch + offset, 1, nullptr, false, to, delta->A.rows);
      } else {
        std::memset(to, 0, size_t(u[p].cols * u[p].element_bytes()));
      }
    }
  }
}

// ── tiles ──

int64_t CpuOps::LinearCall::pass() const {
  if (packer.bytes(k, kPanel) <= kMaxPanelBytes) return k;
  return std::max<int64_t>(1, kMaxPanelBytes / packer.bytes(chunk, kPanel)) * chunk;
}

CpuOps::LinearCall::TileMemory CpuOps::LinearCall::carve_tile(Carver& carver, int64_t rows) const {
  TileMemory m;
  m.panel = carver.take(packer.bytes(std::min(k, pass()), kPanel));
  m.transpose = carver.take(packer.transpose_scratch(std::max(chunk, pitch)));
  m.b = carver.take(packer.bytes(pitch, kPanel));
  m.sums = carver.floats(rows * kPanel);
  return m;
}

void CpuOps::LinearCall::prepare_tiles() {
  for (const Proj& p : projs) {
    for (const int64_t n : {std::min(kPanel, p.w.rows), p.w.rows % kPanel}) {
      if (n == 0) continue;
      for (const int64_t length : {std::min(chunk, k), k % chunk}) {
        if (length == 0) continue;
        ops.micro_->get(shape(padded_columns(n), length, false, kPanel));
        ops.micro_->get(shape(padded_columns(n), length, true, kPanel));
      }
      for (int64_t a = 0; a < adapters(projs); ++a) {
        if (const LowRank* delta = delta_of(p, a))
          ops.micro_->get(delta_shape(padded_columns(n), stacked(delta)));
      }
    }
  }
}

void CpuOps::LinearCall::tiles() {
  prepare_tiles();
  int64_t panels = 0;
  for (const Proj& p : projs) panels += panel_count(p.w.rows, kPanel);
  RowBlocks& blocks = ops.blocks_;
  const int64_t rows = blocks.padded_rows(), most_rows = pass() == k ? rows : kMaxGroupRows;
  blocks.group(choose_groups(rows, panels, ops.pool_.threads(), most_rows));
  Carver size;
  carve_tile(size, pass() == k ? RowBlocks::kMaxRows : blocks.max_group_rows());
  ops.reserve_thread_scratch(size.used());
  // Groups innermost: threads that work on one weight panel at a time share its bytes in the last-level
  // cache.
  const int64_t groups = blocks.groups();
  ops.pool_.parallel_for(panels * groups, [&](int64_t i, int thread) {
    tile(panel_at(i / groups), blocks.group_at(i % groups), ops.thread_scratch_[size_t(thread)].get(0));
  });
}

CpuOps::LinearCall::Panel CpuOps::LinearCall::panel_at(int64_t i) const {
  size_t p = 0;
  for (; i >= panel_count(projs[p].w.rows, kPanel); ++p) i -= panel_count(projs[p].w.rows, kPanel);
  return {p, i * kPanel};
}

void CpuOps::LinearCall::tile(const Panel& at, std::span<const RowBlock> blocks, std::byte* scratch) {
  const auto [p, row] = at;
  const WeightView& w = projs[p].w;
  const bool whole = pass() == k;
  Carver carver(scratch);
  const TileMemory memory = carve_tile(carver, 0);
  const int64_t n = std::min(kPanel, w.rows - row), padded_n = padded_columns(n);
  int32_t packed = -1;
  for (int64_t begin = 0; begin < k; begin += pass()) {
    const int64_t end = std::min(k, begin + pass());
    const auto panel = [&](int64_t k0) { return memory.panel + packer.bytes(k0 - begin, padded_n); };
    for (int64_t k0 = begin; k0 < end; k0 += chunk)
      packer.transposed(w, row, n, padded_n, k0, std::min(chunk, k - k0), memory.transpose, panel(k0),
                        padded_n);
    for (const RowBlock& b : blocks) {
      float* sums = memory.sums + (whole ? 0 : (b.place - blocks.front().place) * kPanel);
      const bool at_end = end == k, fused = at_end && in_registers(p, n, b);
      if (at_end) {
        prefetch_for_write(y[p], b.begin, b.count, row, n);
        pack_output(p, row, n, b, packed, memory);
      }
      for (int64_t k0 = begin; k0 < end; k0 += chunk) {
        if (fused && k0 + chunk >= k) {
          finish_in_registers(p, row, n, b, k0, panel(k0), memory, sums);
        } else {
          const Gemm& gemm = ops.micro_->at(shape(padded_n, std::min(chunk, k - k0), k0 > 0, kPanel));
          gemm(b.count, x_at(b.begin, k0), panel(k0), sums);
        }
      }
      if (!at_end || fused) continue;
      delta_term(p, n, b, memory, sums);
      finish(p, row, n, b, sums);
    }
  }
}

// B's rows of the block's adapter. `packed`: the adapter whose B lies in memory.b.
void CpuOps::LinearCall::pack_output(size_t p, int64_t row, int64_t n, const RowBlock& block, int32_t& packed,
                                     const TileMemory& memory) {
  const LowRank* delta = delta_of(projs[p], block.adapter);
  if (!delta || packed == block.adapter) return;
  const int64_t padded_n = padded_columns(n), rank = delta->A.rows;
  packer.transposed(as_weight(delta->B), row, n, padded_n, 0, rank, memory.transpose, memory.b, padded_n);
  // f32 panels have no pair to fill: their odd rank's last row of B does not exist.
  if (!bf16() && rank % 2 != 0) std::memset(memory.b + rank * padded_n * 4, 0, size_t(padded_n) * 4);
  packed = block.adapter;
}

bool CpuOps::LinearCall::in_registers(size_t p, int64_t n, const RowBlock& block) const {
  return bf16() && y[p].type == DType::bf16 && n == padded_columns(n) &&
         stacked(delta_of(projs[p], block.adapter)) <= MicroKernels::kPieceBf16;
}

void CpuOps::LinearCall::finish_in_registers(size_t p, int64_t row, int64_t n, const RowBlock& block,
                                             int64_t k0, const std::byte* panel, const TileMemory& memory,
                                             float* sums) {
  const auto half = [](const std::byte* at) { return reinterpret_cast<const uint16_t*>(at); };
  const LowRank* delta = delta_of(projs[p], block.adapter);
  const DotTerm term{stacked(delta), half(delta ? stack_at(p, block) : nullptr), pitch, half(memory.b), n};
  const Buf& out = y[p];
  ops.micro_->finish({.last = {block.count, n, k - k0, half(x_at(block.begin, k0)), x.ld, half(panel), n,
                               sums, kPanel, k0 > 0 ? Chain::add : Chain::store},
                      .terms = &term,
                      .term_count = delta ? 1 : 0,
                      .bias = projs[p].bias ? projs[p].bias.row<float>(0) + row : nullptr,
                      .add = accumulate,
                      .y = out.row<uint16_t>(block.begin) + row,
                      .ldy = out.ld});
}

void CpuOps::LinearCall::delta_term(size_t p, int64_t n, const RowBlock& block, const TileMemory& memory,
                                    float* sums) {
  const LowRank* delta = delta_of(projs[p], block.adapter);
  if (!delta) return;
  ops.micro_->at(delta_shape(padded_columns(n), stacked(delta)))(block.count, stack_at(p, block), memory.b,
                                                                 sums);
}

void CpuOps::LinearCall::finish(size_t p, int64_t row, int64_t n, const RowBlock& block, const float* sums) {
  const Buf &out = y[p], &bias = projs[p].bias;
  const float* bias_at = bias ? bias.row<float>(0) + row : nullptr;
  const auto kernel = ops.panels_.finish[out.type == DType::bf16];
  for (int64_t r = 0; r < block.count; ++r) {
    void* to = static_cast<std::byte*>(out.p) + ((block.begin + r) * out.ld + row) * out.element_bytes();
    kernel(sums + r * kPanel, 1, bias_at, accumulate, to, n);
  }
}

}  // namespace fettle
