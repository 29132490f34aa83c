// dx (= | +=) Σ dy·W + drop(du·A) with du = scale·dy·B, for all projections of one input.
//
// Parallel loops: every B is packed; then du, a task per block of rows; then the tiles: a task owns a strip
// of W's columns and a group of row blocks. The contraction runs over the rows of every projection in order,
// in pieces; as many as there is room for are decoded and packed, and every block of rows is taken through
// them, so that each projection's term is added to the same f32 tile.
#include <algorithm>
#include <array>
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

namespace {
constexpr size_t kMostTerms = 8;  // projections of one input whose terms one call takes
}

struct CpuOps::LinearDxCall {
  CpuOps& ops;
  const BatchView& batch;
  std::span<const Proj> projs;
  std::span<const Buf> dy, du;   // dy as given
  std::span<const Buf> operand;  // dy in the compute type
  Buf dx;
  bool add;

  PanelPacker packer;
  int64_t strip;                 // columns of dx per task: kPanel, or a storage block
  int64_t chunk;                 // rows of W in a piece
  int64_t pitch;                 // of the stack of du
  int64_t widest;                // rank, padded
  std::byte* stack = nullptr;    // [padded rows, pitch] du in the compute type, rows by place
  std::byte* outputs = nullptr;  // the B of every adapter, packed

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
    return {bf16(), more,   int32_t(kPanel), int32_t(rank),
            pitch,  kPanel, kPanel,          more && rank <= MicroKernels::piece(bf16())};
  }

  int64_t output_columns(int64_t adapter, size_t p) const {
    const LowRank* delta = delta_of(projs[p], adapter);
    return delta ? padded_columns(delta->A.rows) : 0;
  }
  int64_t output_bytes(int64_t adapter, size_t p) const {
    return output_columns(adapter, p) * round_up(projs[p].w.rows, 2) * element();
  }
  std::byte* output_panel(int64_t adapter, size_t p) const;
  void prepare_du();
  void low_rank_outputs();
  void pack_output(int64_t adapter, size_t p, std::byte* scratch);
  void low_rank_output(const RowBlock& block, std::byte* scratch);

  /// Where the contraction stands: rows [k, k + chunk) of projection p's W.
  struct Piece {
    size_t p = 0;
    int64_t k = 0;
  };
  static bool begun(const Piece& piece) { return piece.p > 0 || piece.k > 0; }
  bool done(const Piece& piece) const { return piece.p == projs.size(); }
  int64_t length(const Piece& piece) const { return std::min(chunk, projs[piece.p].w.rows - piece.k); }
  int64_t bytes(const Piece& piece) const { return packer.bytes(length(piece), strip); }
  void advance(Piece& piece) const {
    piece.k += chunk;
    if (piece.k >= projs[piece.p].w.rows) piece = {piece.p + 1, 0};
  }
  /// Bytes of the pieces from `piece` on that are packed together, and the piece behind them.
  int64_t pass(Piece& piece) const;

  /// Scratch of a tile.
  struct TileMemory {
    std::byte *panel, *decoded, *a;
    float *term, *sums;
    int64_t rows;  // of sums [strip / 64, rows, 64]
  };
  TileMemory carve_tile(Carver& carver, int64_t rows) const;
  bool whole() const {
    Piece piece;
    pass(piece);
    return done(piece);
  }
  void prepare_tiles();
  void tiles();
  void tile(int64_t col, std::span<const RowBlock> blocks, std::byte* scratch);
  bool multiply(const Piece& first, const Piece& end, const RowBlock& block, int64_t col, int64_t cols,
                const TileMemory& memory, float* sums);
  /// Whether a tile's last piece, the low-rank terms and the epilogue are one call.
  bool in_registers(int64_t cols, const RowBlock& block) const;
  void finish_in_registers(const Piece& piece, const RowBlock& block, int64_t col, int64_t cols,
                           const std::byte* panel, const TileMemory& memory, float* sums);
  const std::byte* stack_at(size_t p, const RowBlock& block) const {
    return stack + (block.place * pitch + stack_offset(projs, block.adapter, p)) * element();
  }
  void delta_terms(int64_t col, int64_t cols, const RowBlock& block, const TileMemory& memory, float* sums);
  void pack_inputs(int32_t adapter, int64_t col, int64_t cols, const TileMemory& memory);
  void add_dropped(const LowRank& delta, const RowBlock& block, int64_t col, int64_t n, float* term,
                   float* to);
  void finish(int64_t col, int64_t cols, const RowBlock& block, const TileMemory& memory, const float* sums);
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
  LinearDxCall call{.ops = *this,
                    .batch = batch,
                    .projs = projs,
                    .dy = dy,
                    .du = du,
                    .dx = dx,
                    .add = add,
                    .packer = {panels_, decode_, bf16},
                    .strip = strip,
                    .chunk = round_up(kMaxChunk * kPanel / strip, MicroKernels::kPieceF32),
                    .pitch = pitch,
                    .widest = widest};
  int64_t output_bytes = 0;
  for (int64_t a = 0; a < adapters(projs); ++a) {
    for (size_t p = 0; p < projs.size(); ++p) output_bytes += call.output_bytes(a, p);
  }
  Carver carver(shared_scratch_.get(copy_bytes + round_up(stack_bytes, 64) + round_up(output_bytes, 64)));
  operands_.clear();
  for (const Buf& b : dy) operands_.push_back(operand(b, bf16, carver.take(operand_bytes(b, bf16))));
  call.operand = operands_;
  call.stack = carver.take(stack_bytes);
  call.outputs = carver.take(output_bytes);
  if (pitch != 0) call.low_rank_outputs();
  if (dx) call.tiles();
}

// ── du ──

std::byte* CpuOps::LinearDxCall::output_panel(int64_t adapter, size_t p) const {
  int64_t before = 0;
  for (int64_t a = 0; a <= adapter; ++a) {
    for (size_t i = 0; i < (a < adapter ? projs.size() : p); ++i) before += output_bytes(a, i);
  }
  return outputs + before;
}

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
  size.take(std::max(packer.straight_scratch(widest), RowBlocks::kMaxRows * widest * 4));
  ops.reserve_thread_scratch(size.used());
  const int64_t count = int64_t(projs.size());
  ops.pool_.parallel_for(adapters(projs) * count, [&](int64_t i, int thread) {
    pack_output(i / count, size_t(i % count), ops.thread_scratch_[size_t(thread)].get(0));
  });
  const std::span blocks = ops.blocks_.all();
  ops.pool_.parallel_for(int64_t(blocks.size()), [&](int64_t i, int thread) {
    low_rank_output(blocks[size_t(i)], ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearDxCall::pack_output(int64_t adapter, size_t p, std::byte* scratch) {
  const LowRank* delta = delta_of(projs[p], adapter);
  if (!delta) return;
  const int64_t n = output_columns(adapter, p), out = projs[p].w.rows;
  for (int64_t k0 = 0; k0 < out; k0 += chunk) {
    packer.straight(as_weight(delta->B), k0, std::min(chunk, out - k0), 0, delta->A.rows, n, scratch,
                    output_panel(adapter, p) + packer.bytes(k0, n));
  }
}

void CpuOps::LinearDxCall::low_rank_output(const RowBlock& block, std::byte* scratch) {
  float* tile = reinterpret_cast<float*>(scratch);
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
    const std::byte* panel = output_panel(block.adapter, p);
    for (int64_t k0 = 0; k0 < out; k0 += chunk) {
      ops.micro_->at(du_shape(p, n, std::min(chunk, out - k0), k0 > 0))(
          block.count, dy_at(p, block.begin, k0), panel + packer.bytes(k0, n), tile);
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

int64_t CpuOps::LinearDxCall::pass(Piece& piece) const {
  int64_t sum = 0;
  do {
    sum += bytes(piece);
    advance(piece);
  } while (!done(piece) && sum + bytes(piece) <= kMaxPanelBytes);
  return sum;
}

CpuOps::LinearDxCall::TileMemory CpuOps::LinearDxCall::carve_tile(Carver& carver, int64_t rows) const {
  TileMemory m;
  Piece first;
  // A pass that begins later holds at most a piece more than the first, all of them being of one size or
  // less.
  m.panel = carver.take(whole() ? pass(first) : std::max(kMaxPanelBytes, packer.bytes(chunk, strip)));
  m.decoded = carver.take(packer.straight_scratch(strip));
  m.a = carver.take(pitch * strip * element());
  m.term = carver.floats((RowBlocks::kMaxRows + 1) * kPanel);
  m.sums = carver.floats(rows * strip);
  m.rows = rows;
  return m;
}

void CpuOps::LinearDxCall::prepare_tiles() {
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
}

void CpuOps::LinearDxCall::tiles() {
  prepare_tiles();
  RowBlocks& blocks = ops.blocks_;
  const int64_t strips = panel_count(dx.cols, strip), rows = blocks.padded_rows();
  blocks.group(choose_groups(rows, strips, ops.pool_.threads(), whole() ? rows : kMaxGroupRows));
  const int64_t tile_rows = whole() ? RowBlocks::kMaxRows : blocks.max_group_rows();
  Carver size;
  carve_tile(size, tile_rows);
  ops.reserve_thread_scratch(size.used());
  const int64_t groups = blocks.groups();
  ops.pool_.parallel_for(strips * groups, [&](int64_t i, int thread) {
    tile(i / groups * strip, blocks.group_at(i % groups), ops.thread_scratch_[size_t(thread)].get(0));
  });
}

void CpuOps::LinearDxCall::tile(int64_t col, std::span<const RowBlock> blocks, std::byte* scratch) {
  Carver carver(scratch);
  const bool at_once = whole();
  const TileMemory memory = carve_tile(carver, at_once ? RowBlocks::kMaxRows : padded_rows(blocks));
  const int64_t cols = std::min(strip, dx.cols - col);
  int32_t packed = -1;
  for (Piece first, end; !done(first); first = end) {
    pass(end);
    std::byte* panel = memory.panel;
    for (Piece piece = first; piece.p != end.p || piece.k != end.k; panel += bytes(piece), advance(piece))
      packer.straight(projs[piece.p].w, piece.k, length(piece), col, cols, kPanel, memory.decoded, panel);
    for (const RowBlock& block : blocks) {
      float* sums = memory.sums + (at_once ? 0 : (block.place - blocks.front().place) * kPanel);
      if (done(end)) {
        prefetch_for_write(dx, block.begin, block.count, col, cols);
        if (packed != block.adapter && has_delta(projs, block.adapter))
          pack_inputs(packed = block.adapter, col, cols, memory);
      }
      if (multiply(first, end, block, col, cols, memory, sums) || !done(end)) continue;
      delta_terms(col, cols, block, memory, sums);
      finish(col, cols, block, memory, sums);
    }
  }
}

// True when it went to the end: with the deltas, into dx.
bool CpuOps::LinearDxCall::multiply(const Piece& first, const Piece& end, const RowBlock& block, int64_t col,
                                    int64_t cols, const TileMemory& memory, float* sums) {
  const std::byte* panel = memory.panel;
  const bool fused = done(end) && in_registers(cols, block);
  for (Piece piece = first; piece.p != end.p || piece.k != end.k; panel += bytes(piece), advance(piece)) {
    Piece next = piece;
    advance(next);
    if (fused && done(next)) {
      finish_in_registers(piece, block, col, cols, panel, memory, sums);
      continue;
    }
    const Gemm& gemm = ops.micro_->at(tile_shape(piece.p, length(piece), begun(piece)));
    for (int64_t sub = 0; sub * kPanel < cols; ++sub) {
      gemm(block.count, dy_at(piece.p, block.begin, piece.k),
           panel + sub * packer.bytes(length(piece), kPanel), sums + sub * memory.rows * kPanel);
    }
  }
  return fused;
}

bool CpuOps::LinearDxCall::in_registers(int64_t cols, const RowBlock& block) const {
  return bf16() && dx.type == DType::bf16 && cols == padded_columns(cols) && projs.size() <= kMostTerms &&
         chunk <= MicroKernels::kPieceBf16 && !drops(batch, projs, block.adapter) &&
         std::ranges::all_of(projs, [&](const Proj& p) {
           return stacked(delta_of(p, block.adapter)) <= MicroKernels::kPieceBf16;
         });
}

void CpuOps::LinearDxCall::finish_in_registers(const Piece& piece, const RowBlock& block, int64_t col,
                                               int64_t cols, const std::byte* panel, const TileMemory& memory,
                                               float* sums) {
  const auto half = [](const std::byte* at) { return reinterpret_cast<const uint16_t*>(at); };
  for (int64_t c = 0; c < cols; c += kPanel) {
    std::array<DotTerm, kMostTerms> terms;
    int64_t count = 0;
    const std::byte* a = memory.a;
    for (size_t p = 0; p < projs.size(); ++p) {
      const int64_t rank = stacked(delta_of(projs[p], block.adapter)), sub = packer.bytes(rank, kPanel);
      if (rank != 0)
        terms[size_t(count++)] = {rank, half(stack_at(p, block)), pitch, half(a + c / kPanel * sub), kPanel};
      a += panel_count(cols, kPanel) * sub;
    }
    ops.micro_->finish({.last = {block.count, std::min(kPanel, cols - c), length(piece),
                                 half(dy_at(piece.p, block.begin, piece.k)), operand[piece.p].ld,
                                 half(panel + c / kPanel * packer.bytes(length(piece), kPanel)), kPanel,
                                 sums + c * memory.rows, kPanel, begun(piece) ? Chain::add : Chain::store},
                        .terms = terms.data(),
                        .term_count = count,
                        .bias = nullptr,
                        .add = add,
                        .y = dx.row<uint16_t>(block.begin) + col + c,
                        .ldy = dx.ld});
  }
}

// The A of an adapter's projections, one behind another: [strip / 64 sub-panels] each.
void CpuOps::LinearDxCall::pack_inputs(int32_t adapter, int64_t col, int64_t cols, const TileMemory& memory) {
  std::byte* to = memory.a;
  for (const Proj& proj : projs) {
    const LowRank* delta = delta_of(proj, adapter);
    if (!delta) continue;
    const int64_t rank = delta->A.rows;
    for (int64_t c = 0; c < cols; c += kPanel, to += packer.bytes(stacked(delta), kPanel)) {
      packer.straight(as_weight(delta->A), 0, rank, col + c, std::min(kPanel, cols - c), kPanel,
                      memory.decoded, to);
      // f32 panels have no pair to fill: their odd rank's last row of A does not exist.
      if (!bf16() && rank % 2 != 0) std::memset(to + rank * kPanel * 4, 0, size_t(kPanel) * 4);
    }
  }
}

void CpuOps::LinearDxCall::delta_terms(int64_t col, int64_t cols, const RowBlock& block,
                                       const TileMemory& memory, float* sums) {
  const std::byte* b = memory.a;
  for (size_t p = 0; p < projs.size(); ++p) {
    const LowRank* delta = delta_of(projs[p], block.adapter);
    if (!delta) continue;
    const bool drop = drops(batch, delta);
    const Gemm& gemm = ops.micro_->at(delta_shape(stacked(delta), !drop));
    const std::byte* a = stack_at(p, block);
    for (int64_t c = 0; c < cols; c += kPanel, b += packer.bytes(stacked(delta), kPanel)) {
      float* to = sums + c * memory.rows;
      gemm(block.count, a, b, drop ? memory.term : to);
      if (drop) add_dropped(*delta, block, col + c, std::min(kPanel, cols - c), memory.term, to);
    }
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

void CpuOps::LinearDxCall::finish(int64_t col, int64_t cols, const RowBlock& block, const TileMemory& memory,
                                  const float* sums) {
  const auto kernel = ops.panels_.finish[dx.type == DType::bf16];
  for (int64_t r = 0; r < block.count; ++r) {
    auto* to = static_cast<std::byte*>(dx.p) + ((block.begin + r) * dx.ld + col) * dx.element_bytes();
    for (int64_t c = 0; c < cols; c += kPanel) {
      kernel(sums + c * memory.rows + r * kPanel, 1, nullptr, add, to + c * dx.element_bytes(),
             std::min(kPanel, cols - c));
    }
  }
}

}  // namespace fettle
