#include "model/block/mlp.h"

#include "model/block/residual.h"

namespace fettle {

static_assert(Block<MlpBlock>);

namespace {

// gate and up (and their u) from the block's input.
void gate_and_up(const BlockContext& ctx, const MlpBlock::Spec& spec, const MlpBlock::Weights& w,
                 const MlpBlock::Booked& b, Buf in) {
  const Buf x = ctx.at(b.scratch.x);
  ctx.ops.rms_norm(in, w.norm, spec.norm_eps, x);
  const Buf y[] = {ctx.at(b.saved.gate), ctx.at(b.saved.up)};
  const Buf u[] = {ctx.at(b.saved.u[0]), ctx.at(b.saved.u[1])};
  ctx.ops.linear(ctx.batch, x, w.gate_up, y, u, false);
}

// act(gate)·up, and where it goes.
BranchEnd branch_end(const BlockContext& ctx, const MlpBlock::Spec& spec, const MlpBlock::Weights& w,
                     const MlpBlock::Booked& b) {
  return {.h = ctx.at(b.scratch.h),
          .proj = w.down,
          .u = ctx.at(b.saved.u_down),
          .norm = w.post_norm,
          .eps = spec.norm_eps,
          .y = ctx.at(b.saved.y),
          .normed = ctx.at(b.scratch.x)};
}

void activate(const BlockContext& ctx, const MlpBlock::Spec& spec, const MlpBlock::Booked& b) {
  ctx.ops.gated_act(spec.activation, ctx.at(b.saved.gate), ctx.at(b.saved.up), ctx.at(b.scratch.h));
}

}  // namespace

MlpBlock::Booked MlpBlock::plan(const Spec& spec, const Weights& w, const BlockShape& shape, Booking& book,
                                const std::string& name) {
  Booked b{.kept = shape.backward && shape.recompute == Recompute::none};
  const auto [T, F] = std::pair{shape.tokens, spec.ffn};
  const DType type = shape.compute;
  const auto book_saved = [&] {
    b.saved.gate = book.book(name + ".gate", T, F, type);
    b.saved.up = book.book(name + ".up", T, F, type);
    if (w.post_norm) b.saved.y = book.book(name + ".y", T, spec.hidden, type);
    if (!shape.backward) return;
    b.saved.u[0] = book_low_rank(book, name + ".u_gate", T, w.gate_up[0], type);
    b.saved.u[1] = book_low_rank(book, name + ".u_up", T, w.gate_up[1], type);
  };
  if (shape.backward) b.saved.u_down = book_low_rank(book, name + ".u_down", T, w.down[0], type);
  if (b.kept) book_saved();
  const int64_t start = book.mark();
  if (!b.kept) book_saved();
  b.scratch.x = book.book("scratch: normed input", T, spec.hidden, type);
  b.scratch.h = book.book("scratch: act(gate)·up", T, F, type);
  if (shape.backward) {
    if (type != DType::f32 || w.post_norm) b.scratch.dy = book.book("scratch: dy", T, spec.hidden, type);
    b.scratch.dh = book.book("scratch: dh", T, F, type);
    b.scratch.dup = book.book("scratch: dup", T, F, type);
    b.scratch.dx = book.book("scratch: dx", T, spec.hidden, type);
    b.scratch.du[0] = book_low_rank(book, "scratch: du_gate", T, w.gate_up[0], type);
    b.scratch.du[1] = book_low_rank(book, "scratch: du_up", T, w.gate_up[1], type);
    b.scratch.du_down = book_low_rank(book, "scratch: du_down", T, w.down[0], type);
  }
  book.release(start);
  return b;
}

void MlpBlock::forward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                       Buf out) {
  gate_and_up(ctx, spec, w, b, in);
  activate(ctx, spec, b);
  join_residual(ctx, branch_end(ctx, spec, w, b), in, out);
}

void MlpBlock::recompute(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b,
                         Buf in) {
  if (b.kept) return;
  gate_and_up(ctx, spec, w, b, in);
  if (!w.post_norm) return;
  activate(ctx, spec, b);
  restore_branch(ctx, branch_end(ctx, spec, w, b));
}

void MlpBlock::backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                        Buf d, bool need_dx) {
  Ops& ops = ctx.ops;
  const bool branch = need_dx || trains(w.gate_up);
  const Buf gate = ctx.at(b.saved.gate), up = ctx.at(b.saved.up), h = ctx.at(b.scratch.h),
            dh = ctx.at(b.scratch.dh);
  const Buf dy = branch_gradient(ctx, branch_end(ctx, spec, w, b), d, b.scratch.dy);
  const Buf u_down = ctx.at(b.saved.u_down), du_down = ctx.at(b.scratch.du_down);
  ops.linear_dx(ctx.batch, {&dy, 1}, w.down, {&du_down, 1}, branch ? dh : Buf{}, false);
  if (trains(w.down)) {
    activate(ctx, spec, b);
    ops.low_rank_grad(ctx.batch, h, {&u_down, 1}, {&dy, 1}, {&du_down, 1}, w.down);
  }
  if (!branch) return;

  const Buf dgate_up[] = {h, ctx.at(b.scratch.dup)};  // h has been used
  ops.gated_act_backward(spec.activation, gate, up, dh, dgate_up[0], dgate_up[1]);
  const Buf u[] = {ctx.at(b.saved.u[0]), ctx.at(b.saved.u[1])};
  const Buf du[] = {ctx.at(b.scratch.du[0]), ctx.at(b.scratch.du[1])};
  const Buf dx = need_dx ? ctx.at(b.scratch.dx) : Buf{};
  ops.linear_dx(ctx.batch, dgate_up, w.gate_up, du, dx, false);
  if (trains(w.gate_up)) {
    const Buf x = ctx.at(b.scratch.x);
    ops.rms_norm(in, w.norm, spec.norm_eps, x);
    ops.low_rank_grad(ctx.batch, x, u, dgate_up, du, w.gate_up);
  }
  if (need_dx) ops.rms_norm_backward(in, w.norm, spec.norm_eps, dx, d, true, {});
}

}  // namespace fettle
