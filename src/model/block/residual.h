// The end of a block's branch: out = in + linear(h), or in + norm(linear(h)) where the family norms what a
// block adds to the residual stream.
#pragma once

#include "model/block/block.h"

namespace fettle {

struct BranchEnd {
  Buf h;                       // [T, k] the last linear's input
  std::span<const Proj> proj;  // that one linear, [hidden, k]
  Buf u;                       // [T, r] of its adapter, may be empty
  Buf norm;                    // [1, hidden] f32; empty: none
  float eps = 0;
  Buf y;       // [T, hidden] linear(h), read by the norm's backward; empty without a norm
  Buf normed;  // [T, hidden] scratch
};

void join_residual(const BlockContext&, const BranchEnd&, Buf in, Buf out);
/// For recompute(): y again from h.
void restore_branch(const BlockContext&, const BranchEnd&);
/// The gradient of linear(h) in the compute type, from that of the residual stream: through the norm, or as
/// it is. `dy`: its place; not booked where `d` itself serves.
Buf branch_gradient(const BlockContext&, const BranchEnd&, Buf d, const Slot& dy);

}  // namespace fettle
