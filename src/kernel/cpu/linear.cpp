// y = x·Wᵀ + bias + scale·drop(x)·Aᵀ·Bᵀ, for all projections of one input.
//
// Two parallel loops. First u = drop(x)·Aᵀ, one task per block of rows, the A of all projections stacked.
// Then the tiles: a task owns 64 rows of one weight and a group of row blocks; it decodes and packs its panel
// once per chunk of the contraction and multiplies every block by it; B's term is added to the same f32 tile;
// bias, residual and the one rounding come last.
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
  int64_t row_bytes, stack_bytes;  // of x and of the stack

  bool bf16() const { return packer.bf16(); }
  const std::byte* x_at(int64_t row, int64_t col) const {
    return static_cast<const std::byte*>(x.p) + row * row_bytes + col * (bf16() ? 2 : 4);
  }
  GemmShape shape(int64_t n, int64_t length, bool add, int64_t ldc) const {
    return {bf16(), add, int32_t(n), int32_t(length), x.ld, n, ldc};
  }
  GemmShape delta_shape(int64_t n, int64_t rank) const {
    return {bf16(), true, int32_t(n), int32_t(rank), pitch, n, kPanel};
  }

  void low_rank_inputs();
  void low_rank_input(const RowBlock& block, std::byte* scratch);
  int64_t input_unit(const RowBlock& block, size_t first, size_t last, int64_t n, std::byte* panel,
                     std::byte* rows, std::byte* transpose, float* tile);
  void finish_input(const RowBlock& block, const float* tile);
  void tiles();
  void tile(const Proj& proj, size_t p, int64_t row, std::span<const RowBlock> blocks, std::byte* scratch);
  void delta_term(size_t p, int64_t row, int64_t n, int64_t padded_n, std::span<const RowBlock> blocks,
                  std::byte* panel, std::byte* transpose, float* tile);
};

void CpuOps::linear(const BatchView& batch, Buf x, std::span<const Proj> projs, std::span<const Buf> y,
                    std::span<const Buf> u, bool accumulate) {
  if (x.rows == 0 || projs.empty()) return;
  const bool bf16 = x.type == DType::bf16 && micro_->bf16() && x.cols % 2 == 0;
  blocks_.build(batch.segments, x.rows, [&](int64_t a) { return has_delta(projs, a); });
  dropout_rows(batch, projs, dropout_rows_);
  const int64_t pitch = stack_pitch(projs);
  const int64_t copy_bytes = operand_bytes(x, bf16);
  Carver carver(shared_scratch_.get(copy_bytes + blocks_.padded_rows() * pitch * 4 + 128));
  x = operand(x, bf16, carver.take(copy_bytes));
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
                  .stack = carver.take(blocks_.padded_rows() * pitch * 4),
                  .row_bytes = x.ld * (bf16 ? 2 : 4),
                  .stack_bytes = pitch * (bf16 ? 2 : 4)};
  if (pitch != 0) call.low_rank_inputs();
  call.tiles();
}

// ── u ──

void CpuOps::LinearCall::low_rank_inputs() {
  const int64_t tile_ld = pitch;
  for (const bool add : {false, true}) {
    for (const int64_t length : {std::min(chunk, k), k % chunk}) {
      if (length == 0) continue;
      for (int64_t a = 0; a < adapters(projs); ++a) {
        const int64_t all = stack_offset(projs, a, projs.size());
        if (all == 0) continue;
        ops.micro_->get(shape(round_up(all, 32), length, add, tile_ld));
        for (const Proj& p : projs) {
          const LowRank* delta = delta_of(p, a);
          if (!drops(batch, delta)) continue;
          GemmShape s = shape(padded_columns(stacked(delta)), length, add, tile_ld);
          s.lda = chunk;
          ops.micro_->get(s);
        }
      }
    }
  }
  Carver size;
  size.take(packer.bytes(chunk, pitch));
  size.take(RowBlocks::kMaxRows * chunk * 4);
  size.take(packer.transpose_scratch(chunk));
  size.take(RowBlocks::kMaxRows * pitch * 4);
  ops.reserve_thread_scratch(size.used());
  const std::span blocks = ops.blocks_.all();
  ops.pool_.parallel_for(int64_t(blocks.size()), [&](int64_t i, int thread) {
    low_rank_input(blocks[size_t(i)], ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearCall::low_rank_input(const RowBlock& block, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panel = carver.take(packer.bytes(chunk, pitch));
  std::byte* rows = carver.take(RowBlocks::kMaxRows * chunk * 4);
  std::byte* transpose = carver.take(packer.transpose_scratch(chunk));
  float* tile = carver.floats(RowBlocks::kMaxRows * pitch);
  if (has_delta(projs, block.adapter)) {
    const bool drop = drops(batch, projs, block.adapter);
    if (!drop) {
      const int64_t all = stack_offset(projs, block.adapter, projs.size());
      input_unit(block, 0, projs.size(), round_up(all, 32), panel, rows, transpose, tile);
    }
    // Every linear drops its own elements, so each multiplies its own input. Ascending: a unit's padding may
    // cover the next one's columns, which then overwrites it.
    for (size_t p = 0; drop && p < projs.size(); ++p) {
      const LowRank* delta = delta_of(projs[p], block.adapter);
      if (delta) input_unit(block, p, p + 1, padded_columns(stacked(delta)), panel, rows, transpose, tile);
    }
  }
  finish_input(block, tile);
}

// Projections [first, last): their columns of the stack.
int64_t CpuOps::LinearCall::input_unit(const RowBlock& block, size_t first, size_t last, int64_t n,
                                       std::byte* panel, std::byte* rows, std::byte* transpose, float* tile) {
  const int64_t offset = stack_offset(projs, block.adapter, first);
  const LowRank* only = last - first == 1 ? delta_of(projs[first], block.adapter) : nullptr;
  const bool drop = drops(batch, only);
  for (int64_t k0 = 0; k0 < k; k0 += chunk) {
    const int64_t length = std::min(chunk, k - k0);
    int64_t column = 0;
    for (size_t p = first; p < last; ++p) {
      const LowRank* delta = delta_of(projs[p], block.adapter);
      if (!delta) continue;
      packer.transposed(as_weight(delta->A), 0, delta->A.rows, stacked(delta), k0, length, transpose,
                        panel + column * 4, n);
      column += stacked(delta);
    }
    clear_columns(panel, bf16() ? (length + 1) / 2 : length, n, column);
    GemmShape s = shape(n, length, k0 > 0, pitch);
    const void* a = x_at(block.begin, k0);
    if (drop) {
      s.lda = chunk;
      a = rows;
      const Dropout dropout = dropout_of(*only);
      const int64_t element = bf16() ? 2 : 4;
      float* mask = reinterpret_cast<float*>(transpose);
      for (int64_t r = 0; r < block.count; ++r) {
        ops.panels_.dropout(ops.dropout_rows_[size_t(block.begin + r)], only->stream, k0, length,
                            dropout.threshold, dropout.keep, mask);
        ops.panels_.multiply[bf16()](x_at(block.begin + r, k0), mask, rows + r * chunk * element, length);
      }
    }
    ops.micro_->at(s)(block.count, a, panel, tile + offset);
  }
  return n;
}

void CpuOps::LinearCall::finish_input(const RowBlock& block, const float* tile) {
  for (size_t p = 0; p < projs.size(); ++p) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    const bool wanted = p < u.size() && u[p];
    const int64_t offset = stack_offset(projs, block.adapter, p);
    for (int64_t r = 0; r < block.count && delta; ++r) {
      std::byte* to = stack + (block.place + r) * stack_bytes + offset * (bf16() ? 2 : 4);
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

void CpuOps::LinearCall::tiles() {
  int64_t panels = 0;
  for (const Proj& p : projs) panels += panel_count(p.w.rows, kPanel);
  RowBlocks& blocks = ops.blocks_;
  blocks.group(choose_groups(blocks.padded_rows(), panels, ops.pool_.threads()));
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
  Carver size;
  size.take(packer.bytes(std::max(chunk, pitch), kPanel));
  size.take(packer.transpose_scratch(std::max(chunk, pitch)));
  size.take(blocks.max_group_rows() * kPanel * 4);
  ops.reserve_thread_scratch(size.used());
  // Groups innermost: threads that work on one weight panel at a time share its bytes in the last-level
  // cache.
  const int64_t groups = blocks.groups();
  ops.pool_.parallel_for(panels * groups, [&](int64_t i, int thread) {
    int64_t panel = i / groups;
    size_t p = 0;
    for (; panel >= panel_count(projs[p].w.rows, kPanel); ++p) panel -= panel_count(projs[p].w.rows, kPanel);
    tile(projs[p], p, panel * kPanel, blocks.group_at(i % groups),
         ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearCall::tile(const Proj& proj, size_t p, int64_t row, std::span<const RowBlock> blocks,
                              std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panel = carver.take(packer.bytes(std::max(chunk, pitch), kPanel));
  std::byte* transpose = carver.take(packer.transpose_scratch(std::max(chunk, pitch)));
  float* tile = carver.floats(0);
  const int64_t n = std::min(kPanel, proj.w.rows - row), padded_n = padded_columns(n),
                place0 = blocks.front().place;
  for (int64_t k0 = 0; k0 < k; k0 += chunk) {
    const int64_t length = std::min(chunk, k - k0);
    packer.transposed(proj.w, row, n, padded_n, k0, length, transpose, panel, padded_n);
    const Gemm& gemm = ops.micro_->at(shape(padded_n, length, k0 > 0, kPanel));
    for (const RowBlock& b : blocks)
      gemm(b.count, x_at(b.begin, k0), panel, tile + (b.place - place0) * kPanel);
  }
  if (pitch != 0) delta_term(p, row, n, padded_n, blocks, panel, transpose, tile);
  const Buf& out = y[p];
  const float* bias = proj.bias ? proj.bias.row<float>(0) + row : nullptr;
  const auto finish = ops.panels_.finish[out.type == DType::bf16];
  for (const RowBlock& b : blocks) {
    for (int64_t r = 0; r < b.count; ++r) {
      void* to = static_cast<std::byte*>(out.p) + ((b.begin + r) * out.ld + row) * out.element_bytes();
      finish(tile + (b.place - place0 + r) * kPanel, 1, bias, accumulate, to, n);
    }
  }
}

void CpuOps::LinearCall::delta_term(size_t p, int64_t row, int64_t n, int64_t padded_n,
                                    std::span<const RowBlock> blocks, std::byte* panel, std::byte* transpose,
                                    float* tile) {
  int32_t packed = -1;
  for (const RowBlock& b : blocks) {
    const LowRank* delta = delta_of(projs[p], b.adapter);
    if (!delta) continue;
    if (packed != b.adapter) {
      packer.transposed(as_weight(delta->B), row, n, padded_n, 0, delta->A.rows, transpose, panel, padded_n);
      packed = b.adapter;
    }
    const int64_t offset = stack_offset(projs, b.adapter, p) * (bf16() ? 2 : 4);
    // f32 panels have no pair to fill: their odd rank's last row of B does not exist.
    if (!bf16() && delta->A.rows % 2 != 0)
      std::memset(panel + delta->A.rows * padded_n * 4, 0, size_t(padded_n) * 4);
    ops.micro_->at(delta_shape(padded_n, stacked(delta)))(b.count, stack + b.place * stack_bytes + offset,
                                                          panel,
                                                          tile + (b.place - blocks.front().place) * kPanel);
  }
}

}  // namespace fettle
