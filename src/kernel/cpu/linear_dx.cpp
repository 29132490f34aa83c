// dx (= | +=) Σ dy·W + drop(du·A) with du = scale·dy·B, for all projections of one input.
//
// First du, one task per block of rows. Then the tiles: a task owns a strip of W's columns and a group of row
// blocks; the contraction runs over the rows of every projection in order, decoded in pieces, and every
// projection's term is added to the same f32 tile.
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

struct CpuOps::LinearDxCall {
  CpuOps& ops;
  const BatchView& batch;
  std::span<const Proj> projs;
  std::span<const Buf> dy, du;   // dy as given
  std::span<const Buf> operand;  // dy in the compute type
  Buf dx;
  bool add;

  PanelPacker packer;
  int64_t strip;               // columns of dx per task: kPanel, or a storage block
  int64_t chunk;               // rows of W packed at once
  int64_t pitch;               // of the stack of du
  int64_t widest;              // rank, padded
  std::byte* stack = nullptr;  // [padded rows, pitch] du in the compute type, rows by place

  bool bf16() const { return packer.bf16(); }
  int64_t element() const { return bf16() ? 2 : 4; }
  const std::byte* dy_at(size_t p, int64_t row, int64_t col) const {
    return static_cast<const std::byte*>(operand[p].p) + (row * operand[p].ld + col) * element();
  }
  GemmShape du_shape(size_t p, int64_t n, int64_t length, bool more) const {
    return {bf16(), more, int32_t(n), int32_t(length), operand[p].ld, n, n};
  }
  GemmShape tile_shape(size_t p, int64_t length, bool more) const {
    return {bf16(), more, int32_t(kPanel), int32_t(length), operand[p].ld, kPanel, kPanel};
  }
  GemmShape delta_shape(int64_t rank, bool more) const {
    return {bf16(), more, int32_t(kPanel), int32_t(rank), pitch, kPanel, kPanel};
  }

  void prepare_du();
  void low_rank_outputs();
  void low_rank_output(const RowBlock& block, std::byte* scratch);
  void tiles();
  Carver carve_tile(std::byte* scratch, int64_t rows, std::byte*& panel, std::byte*& decoded, float*& term,
                    float*& tile) const;
  void tile(int64_t col, std::span<const RowBlock> blocks, std::byte* scratch);
  void delta_term(size_t p, int64_t col, int64_t cols, std::span<const RowBlock> blocks, std::byte* panel,
                  std::byte* decoded, float* term, float* tile, int64_t rows);
  void add_dropped(const LowRank& delta, const RowBlock& block, int64_t col, int64_t n, float* term,
                   float* to);
};

void CpuOps::linear_dx(const BatchView& batch, std::span<const Buf> dy, std::span<const Proj> projs,
                       std::span<const Buf> du, Buf dx, bool add) {
  if (dy.empty() || dy[0].rows == 0) return;
  const int64_t tokens = dy[0].rows;
  bool bf16 = dy[0].type == DType::bf16 && micro_->bf16();
  int64_t strip = kPanel, widest = 0;
  for (const Proj& p : projs) {
    bf16 = bf16 && p.w.rows % 2 == 0;
    strip = std::max(strip, strip_width(p.w, kPanel));
    for (const LowRank& d : p.deltas) widest = std::max(widest, padded_columns(d.A.rows));
  }
  int64_t copy_bytes = 0;
  for (const Buf& b : dy) copy_bytes += operand_bytes(b, bf16);
  blocks_.build(batch.segments, tokens, [&](int64_t a) { return has_delta(projs, a); });
  dropout_rows(batch, projs, dropout_rows_);
  const int64_t pitch = stack_pitch(projs), stack_bytes = blocks_.padded_rows() * pitch * 4;
  Carver carver(shared_scratch_.get(copy_bytes + stack_bytes + 128));
  operands_.clear();
  for (const Buf& b : dy) operands_.push_back(operand(b, bf16, carver.take(operand_bytes(b, bf16))));
  LinearDxCall call{.ops = *this,
                    .batch = batch,
                    .projs = projs,
                    .dy = dy,
                    .du = du,
                    .operand = operands_,
                    .dx = dx,
                    .add = add,
                    .packer = {panels_, decode_, bf16},
                    .strip = strip,
                    .chunk = round_up(kMaxChunk * kPanel / strip, MicroKernels::kPieceF32),
                    .pitch = pitch,
                    .widest = widest,
                    .stack = carver.take(stack_bytes)};
  if (pitch != 0) call.low_rank_outputs();
  if (dx) call.tiles();
}

// ── du ──

void CpuOps::LinearDxCall::prepare_du() {
  for (size_t p = 0; p < projs.size(); ++p) {
    for (const LowRank& d : projs[p].deltas) {
      if (!d.A) continue;
      for (const int64_t length : {std::min(chunk, projs[p].w.rows), projs[p].w.rows % chunk}) {
        if (length == 0) continue;
        ops.micro_->get(du_shape(p, padded_columns(d.A.rows), length, false));
        ops.micro_->get(du_shape(p, padded_columns(d.A.rows), length, true));
      }
    }
  }
}

void CpuOps::LinearDxCall::low_rank_outputs() {
  prepare_du();
  Carver size;
  size.take(packer.bytes(chunk, widest));
  size.take(packer.straight_scratch(widest));
  size.take(RowBlocks::kMaxRows * widest * 4);
  ops.reserve_thread_scratch(size.used());
  const std::span blocks = ops.blocks_.all();
  ops.pool_.parallel_for(int64_t(blocks.size()), [&](int64_t i, int thread) {
    low_rank_output(blocks[size_t(i)], ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearDxCall::low_rank_output(const RowBlock& block, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panel = carver.take(packer.bytes(chunk, widest));
  std::byte* decoded = carver.take(packer.straight_scratch(widest));
  float* tile = carver.floats(RowBlocks::kMaxRows * widest);
  for (size_t p = 0; p < projs.size(); ++p) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    const bool wanted = p < du.size() && du[p];
    const auto row_of = [&](int64_t r) {
      return static_cast<std::byte*>(du[p].p) + (block.begin + r) * du[p].ld * du[p].element_bytes();
    };
    if (!delta) {
      for (int64_t r = 0; wanted && r < block.count; ++r) {
        std::memset(row_of(r), 0, size_t(du[p].cols * du[p].element_bytes()));
      }
      continue;
    }
    const int64_t rank = delta->A.rows, n = padded_columns(rank), out = projs[p].w.rows;
    for (int64_t k0 = 0; k0 < out; k0 += chunk) {
      const int64_t length = std::min(chunk, out - k0);
      packer.straight(as_weight(delta->B), k0, length, 0, rank, n, decoded, panel);
      ops.micro_->at(du_shape(p, n, length, k0 > 0))(block.count, dy_at(p, block.begin, k0), panel, tile);
    }
    const int64_t offset = stack_offset(projs, block.adapter, p);
    for (int64_t r = 0; r < block.count; ++r) {
      std::byte* to = stack + ((block.place + r) * pitch + offset) * element();
      ops.panels_.finish[bf16()](tile + r * n, delta->scale, nullptr, false, to, stacked(delta));
    }
    for (int64_t r = 0; wanted && r < block.count; ++r) {
      ops.panels_.finish[du[p].type == DType::bf16](tile + r * n, delta->scale, nullptr, false, row_of(r),
                                                    rank);
    }
  }
}

// ── tiles ──

Carver CpuOps::LinearDxCall::carve_tile(std::byte* scratch, int64_t rows, std::byte*& panel,
                                        std::byte*& decoded, float*& term, float*& tile) const {
  Carver carver(scratch);
  panel = carver.take(packer.bytes(std::max(chunk, widest), strip));
  decoded = carver.take(packer.straight_scratch(strip));
  term = carver.floats((RowBlocks::kMaxRows + 1) * kPanel);
  tile = carver.floats(rows * strip);
  return carver;
}

void CpuOps::LinearDxCall::tiles() {
  RowBlocks& blocks = ops.blocks_;
  const int64_t strips = panel_count(dx.cols, strip);
  blocks.group(choose_groups(blocks.padded_rows(), strips, ops.pool_.threads()));
  for (size_t p = 0; p < projs.size(); ++p) {
    for (const int64_t length : {std::min(chunk, projs[p].w.rows), projs[p].w.rows % chunk}) {
      if (length == 0) continue;
      ops.micro_->get(tile_shape(p, length, false));
      ops.micro_->get(tile_shape(p, length, true));
    }
    for (const LowRank& d : projs[p].deltas) {
      if (d.A) ops.micro_->get(delta_shape(stacked(&d), !drops(batch, &d)));
    }
  }
  std::byte *panel, *decoded;
  float *term, *tile_memory;
  ops.reserve_thread_scratch(
      carve_tile(nullptr, blocks.max_group_rows(), panel, decoded, term, tile_memory).used());
  const int64_t groups = blocks.groups();
  ops.pool_.parallel_for(strips * groups, [&](int64_t i, int thread) {
    tile(i / groups * strip, blocks.group_at(i % groups), ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearDxCall::tile(int64_t col, std::span<const RowBlock> blocks, std::byte* scratch) {
  std::byte *panel, *decoded;
  float *term, *tile;
  const int64_t rows = padded_rows(blocks), place0 = blocks.front().place;
  carve_tile(scratch, rows, panel, decoded, term, tile);
  const int64_t cols = std::min(strip, dx.cols - col);
  bool more = false;
  for (size_t p = 0; p < projs.size(); ++p) {
    const WeightView& w = projs[p].w;
    for (int64_t k0 = 0; k0 < w.rows; k0 += chunk, more = true) {
      const int64_t length = std::min(chunk, w.rows - k0);
      packer.straight(w, k0, length, col, cols, kPanel, decoded, panel);
      const Gemm& gemm = ops.micro_->at(tile_shape(p, length, more));
      for (int64_t sub = 0; sub * kPanel < cols; ++sub) {
        const std::byte* b = panel + sub * packer.bytes(length, kPanel);
        float* c = tile + sub * rows * kPanel;
        for (const RowBlock& block : blocks) {
          gemm(block.count, dy_at(p, block.begin, k0), b, c + (block.place - place0) * kPanel);
        }
      }
    }
  }
  for (size_t p = 0; pitch != 0 && p < projs.size(); ++p) {
    delta_term(p, col, cols, blocks, panel, decoded, term, tile, rows);
  }
  const auto finish = ops.panels_.finish[dx.type == DType::bf16];
  for (const RowBlock& b : blocks) {
    for (int64_t r = 0; r < b.count; ++r) {
      auto* to = static_cast<std::byte*>(dx.p) + ((b.begin + r) * dx.ld + col) * dx.element_bytes();
      for (int64_t c = 0; c < cols; c += kPanel) {
        const float* from = tile + (c / kPanel * rows + b.place - place0 + r) * kPanel;
        finish(from, 1, nullptr, add, to + c * dx.element_bytes(), std::min(kPanel, cols - c));
      }
    }
  }
}

void CpuOps::LinearDxCall::delta_term(size_t p, int64_t col, int64_t cols, std::span<const RowBlock> blocks,
                                      std::byte* panel, std::byte* decoded, float* term, float* tile,
                                      int64_t rows) {
  int32_t packed = -1;
  for (const RowBlock& block : blocks) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    if (!delta) continue;
    const int64_t rank = delta->A.rows, sub_bytes = packer.bytes(stacked(delta), kPanel);
    for (int64_t sub = 0; sub * kPanel < cols; ++sub) {
      std::byte* b = panel + sub * sub_bytes;
      const int64_t c = sub * kPanel, n = std::min(kPanel, cols - c);
      if (packed != block.adapter) {
        packer.straight(as_weight(delta->A), 0, rank, col + c, n, kPanel, decoded, b);
        if (!bf16() && rank % 2 != 0) std::memset(b + rank * kPanel * 4, 0, size_t(kPanel) * 4);
      }
      const std::byte* a = stack + (block.place * pitch + stack_offset(projs, block.adapter, p)) * element();
      float* to = tile + (sub * rows + block.place - blocks.front().place) * kPanel;
      const bool drop = drops(batch, delta);
      ops.micro_->at(delta_shape(stacked(delta), !drop))(block.count, a, b, drop ? term : to);
      if (drop) add_dropped(*delta, block, col + c, n, term, to);
    }
    packed = block.adapter;
  }
}

// to += mask ⊙ term for the rows that count.
void CpuOps::LinearDxCall::add_dropped(const LowRank& delta, const RowBlock& block, int64_t col, int64_t n,
                                       float* term, float* to) {
  float* mask = term + RowBlocks::kMaxRows * kPanel;
  const Dropout dropout = dropout_of(delta);
  for (int64_t r = 0; r < block.count; ++r) {
    const int64_t at = r * kPanel;
    ops.panels_.dropout(ops.dropout_rows_[size_t(block.begin + r)], delta.stream, col, n, dropout.threshold,
                        dropout.keep, mask);
    ops.panels_.multiply_add(term + at, mask, to + at, n);
  }
}

}  // namespace fettle
