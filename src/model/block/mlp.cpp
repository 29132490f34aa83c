#include "model/block/mlp.h"

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

}  // namespace

MlpBlock::Booked MlpBlock::plan(const Spec& spec, const Weights& w, const BlockShape& shape, Booking& book,
                                const std::string& name) {
  Booked b;
  const auto [T, F] = std::pair{shape.tokens, spec.ffn};
  const DType type = shape.compute;
  const auto book_saved = [&] {
    b.saved.gate = book.book(name + ".gate", T, F, type);
    b.saved.up = book.book(name + ".up", T, F, type);
    if (!shape.backward) return;
    b.saved.u[0] = book_low_rank(book, name + ".u_gate", T, w.gate_up[0], type);
    b.saved.u[1] = book_low_rank(book, name + ".u_up", T, w.gate_up[1], type);
  };
  const bool keep = shape.backward && shape.recompute == Recompute::none;
  if (shape.backward) b.saved.u_down = book_low_rank(book, name + ".u_down", T, w.down[0], type);
  if (keep) book_saved();
  const int64_t start = book.mark();
  if (!keep) book_saved();
  b.scratch.x = book.book("scratch: normed input", T, spec.hidden, type);
  b.scratch.h = book.book("scratch: act(gate)·up", T, F, type);
  if (shape.backward) {
    if (type != DType::f32) b.scratch.dy = book.book("scratch: dy", T, spec.hidden, type);
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
  const Buf h = ctx.at(b.scratch.h);
  ctx.ops.gated_act(spec.activation, ctx.at(b.saved.gate), ctx.at(b.saved.up), h);
  if (out.p != in.p) ctx.ops.copy(in, out);
  const Buf u = ctx.at(b.saved.u_down);
  ctx.ops.linear(ctx.batch, h, w.down, {&out, 1}, {&u, 1}, true);
}

void MlpBlock::recompute(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b,
                         Buf in) {
  gate_and_up(ctx, spec, w, b, in);
}

void MlpBlock::backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                        Buf d, bool need_dx) {
  Ops& ops = ctx.ops;
  const bool branch = need_dx || trains(w.gate_up);
  const Buf gate = ctx.at(b.saved.gate), up = ctx.at(b.saved.up), h = ctx.at(b.scratch.h),
            dh = ctx.at(b.scratch.dh);
  const Buf dy = gemm_input(ctx, d, b.scratch.dy);
  const Buf u_down = ctx.at(b.saved.u_down), du_down = ctx.at(b.scratch.du_down);
  ops.linear_dx(ctx.batch, {&dy, 1}, w.down, {&du_down, 1}, branch ? dh : Buf{}, false);
  if (trains(w.down)) {
    ops.gated_act(spec.activation, gate, up, h);
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
