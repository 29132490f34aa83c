// Which deltas a call has, and where their columns lie when those of projections with one input are stacked.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "base/plan.h"
#include "kernel/gemm/panel_kernels.h"
#include "kernel/ops.h"

namespace fettle {

/// The delta of a projection under an adapter; null when the adapter leaves it alone.
inline const LowRank* delta_of(const Proj& proj, int64_t adapter) {
  if (adapter < 0 || adapter >= int64_t(proj.deltas.size())) return nullptr;
  const LowRank& delta = proj.deltas[size_t(adapter)];
  return delta.A ? &delta : nullptr;
}

inline bool has_delta(std::span<const Proj> projs, int64_t adapter) {
  return std::ranges::any_of(projs, [&](const Proj& p) { return delta_of(p, adapter) != nullptr; });
}

inline int64_t adapters(std::span<const Proj> projs) {
  int64_t count = 0;
  for (const Proj& p : projs) count = std::max(count, int64_t(p.deltas.size()));
  return count;
}

/// Columns of a delta in a stack: its rank, rounded up to the pairs that bf16 is multiplied in.
inline int64_t stacked(const LowRank* delta) {
  return delta ? round_up(delta->A.rows, 2) : 0;
}
/// Columns of the deltas before projection p; of all with p = projs.size().
inline int64_t stack_offset(std::span<const Proj> projs, int64_t adapter, size_t p) {
  int64_t at = 0;
  for (size_t i = 0; i < p; ++i) at += stacked(delta_of(projs[i], adapter));
  return at;
}
/// Columns of a buffer that holds the stack of every adapter: the widest, and room for the last kernel's
/// padding.
inline int64_t stack_pitch(std::span<const Proj> projs) {
  int64_t widest = 0;
  for (int64_t a = 0; a < adapters(projs); ++a)
    widest = std::max(widest, stack_offset(projs, a, projs.size()));
  return widest == 0 ? 0 : round_up(widest, 32) + 32;
}

/// Dropout of a delta's input, when it happens. The share is a multiple of 2^-16, and what is kept is scaled
/// for the share that is really dropped: the expectation is exact.
struct Dropout {
  uint32_t threshold;  // of 16 random bits, below which an element is dropped
  float keep;          // factor of the others
};
inline bool drops(const BatchView& batch, const LowRank* delta) {
  return batch.training && delta && delta->dropout > 0;
}
inline Dropout dropout_of(const LowRank& delta) {
  const auto threshold = uint32_t(std::clamp(double(delta.dropout), 0.0, 1.0) * 65536 + 0.5);
  return {threshold, threshold < 65536 ? 65536.0f / float(65536 - threshold) : 0.0f};
}
inline bool drops(const BatchView& batch, std::span<const Proj> projs, int64_t adapter) {
  return std::ranges::any_of(projs, [&](const Proj& p) { return drops(batch, delta_of(p, adapter)); });
}
/// What keys the masks of a batch's rows, but for the linear: sample, step, position in the sample; never the
/// place in the batch. Left alone when no projection drops.
void dropout_rows(const BatchView& batch, std::span<const Proj> projs, std::vector<DropoutRow>& rows);

}  // namespace fettle
