// The face of a block: a coarse piece of the model (embedding, attention, MLP, head) with its backward in the
// same file.
//
//   plan       books its buffers: those the backward reads where the level keeps them, all others as scratch
//   forward    out = block(in); `in` and `out` are the residual stream, one buffer where nothing is kept
//   recompute  restores from `in` what the level did not keep and the backward reads
//   backward   `d` holds the gradient of the block's output and, after it, of its input: the residual path is
//   the
//              identity, so the branch's gradient adds. need_dx = false: nothing below is trained, d is left
//              alone. Gradients of parameters add.
//
// Blocks call Ops on whole batches and never see a thread, a tile or the data behind a Buf.
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <string>

#include "base/plan.h"
#include "kernel/ops.h"
#include "model/objective.h"
#include "model/recompute.h"

namespace fettle {

/// The capacities that buffers are booked for.
struct BlockShape {
  int64_t tokens = 0;
  DType compute = DType::f32;
  bool backward = false;  // this block will be run backward
  Recompute recompute = Recompute::none;
};

/// What head and objective say to each other about the supervised rows.
struct HeadIo {
  std::span<const int32_t> tokens;  // [n] as in Targets
  std::span<float> logprob;         // [n] out
  std::span<const float> weight;    // [n] dLoss/dlogprob, read by backward
  bool one_pass = false;            // forward leaves logprob to backward
};

/// One batch on its way through the blocks.
struct BlockContext {
  Ops& ops;
  const BatchView& batch;
  const Arena& arena;
  const KvView* kv = nullptr;  // this layer's cache; null: over the batch's own keys, one block per sequence
  std::span<const int32_t> lengths;     // [sequences] of the batch, for such a view
  std::span<const int64_t> block_rows;  // [sequences] first rows
  HeadIo* head = nullptr;

  /// The buffer of a slot for this batch's tokens; empty when not booked.
  Buf at(const Slot& slot) const { return arena.at(slot, batch.tokens()); }
};

template <class B>
concept Block = requires(const BlockContext& ctx, const typename B::Spec& spec,
                         const typename B::Weights& weights, const typename B::Booked& booked,
                         typename B::Saved saved, const BlockShape& shape, Booking& book,
                         const std::string& name, Buf in, Buf out, Buf d, bool need_dx) {
  { B::plan(spec, weights, shape, book, name) } -> std::same_as<typename B::Booked>;
  { booked.saved } -> std::convertible_to<typename B::Saved>;
  { B::forward(ctx, spec, weights, booked, in, out) } -> std::same_as<void>;
  { B::recompute(ctx, spec, weights, booked, in) } -> std::same_as<void>;
  { B::backward(ctx, spec, weights, booked, in, d, need_dx) } -> std::same_as<void>;
};

/// Columns of a projection's u = drop(x)·Aᵀ: the largest rank of its adapters, 0 without any.
inline int64_t low_rank_cols(const Proj& proj) {
  int64_t cols = 0;
  for (const LowRank& delta : proj.deltas) cols = std::max(cols, delta.A.rows);
  return cols;
}

inline bool trains(const Proj& proj) {
  return std::ranges::any_of(proj.deltas, [](const LowRank& delta) { return bool(delta.dA); });
}

template <size_t N>
bool trains(const std::array<Proj, N>& projs) {
  return std::ranges::any_of(projs, [](const Proj& proj) { return trains(proj); });
}

/// Books a projection's u (or du); nothing when it has no adapter.
inline Slot book_low_rank(Booking& book, const std::string& name, int64_t tokens, const Proj& proj,
                          DType type) {
  const int64_t cols = low_rank_cols(proj);
  return cols > 0 ? book.book(name, tokens, cols, type) : Slot{};
}

}  // namespace fettle
