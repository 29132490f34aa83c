#include "model/block/residual.h"

namespace fettle {

void join_residual(const BlockContext& ctx, const BranchEnd& end, Buf in, Buf out) {
  Ops& ops = ctx.ops;
  if (out.p != in.p) ops.copy(in, out);
  if (!end.norm) {
    ops.linear(ctx.batch, end.h, end.proj, {&out, 1}, {&end.u, 1}, true);
    return;
  }
  ops.linear(ctx.batch, end.h, end.proj, {&end.y, 1}, {&end.u, 1}, false);
  ops.rms_norm(end.y, end.norm, end.eps, end.normed);
  ops.add(end.normed, out);
}

void restore_branch(const BlockContext& ctx, const BranchEnd& end) {
  if (end.norm) ctx.ops.linear(ctx.batch, end.h, end.proj, {&end.y, 1}, {}, false);
}

Buf branch_gradient(const BlockContext& ctx, const BranchEnd& end, Buf d, const Slot& dy) {
  const Buf out = ctx.at(dy);
  if (end.norm) {
    ctx.ops.rms_norm_backward(end.y, end.norm, end.eps, d, out, false, {});
    return out;
  }
  if (!dy) return d;
  ctx.ops.copy(d, out);
  return out;
}

}  // namespace fettle
