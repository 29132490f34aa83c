#include "model/block/head.h"

namespace fettle {

static_assert(Block<HeadBlock>);

namespace {

// Gathers `rows` of the residual stream and norms them; gives the normed rows.
Buf normed_rows(const BlockContext& ctx, const HeadBlock::Spec& spec, const HeadBlock::Weights& w,
                const HeadBlock::Booked& b, Buf in, std::span<const int32_t> rows) {
  const int64_t n = int64_t(rows.size());
  const Buf x = ctx.arena.at(b.saved.x, n), h = ctx.arena.at(b.saved.h, n);
  ctx.ops.gather_rows(in, rows, x);
  ctx.ops.rms_norm(x, w.norm, spec.norm_eps, h);
  return h;
}

}  // namespace

HeadBlock::Booked HeadBlock::plan(const Spec& spec, const Weights&, const BlockShape& shape, Booking& book,
                                  const std::string& name) {
  Booked b;
  b.saved.x = book.book(name + ".rows", shape.targets, spec.hidden, shape.compute);
  b.saved.h = book.book(name + ".normed", shape.targets, spec.hidden, shape.compute);
  const int64_t start = book.mark();
  if (shape.backward) {
    b.scratch.dh = book.book("scratch: dhidden", shape.targets, spec.hidden, shape.compute);
    b.scratch.dx = book.book("scratch: dx", shape.targets, spec.hidden, DType::f32);
  }
  book.release(start);
  return b;
}

void HeadBlock::forward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                        Buf) {
  const HeadIo& io = *ctx.head;
  const Buf h = normed_rows(ctx, spec, w, b, in, io.rows);
  if (!io.one_pass) ctx.ops.head({.hidden = h, .head = w.head, .targets = io.tokens, .logprob = io.logprob});
}

// Gathered and normed rows are always kept.
void HeadBlock::recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf) {}

void HeadBlock::backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf,
                         Buf d, bool need_dx) {
  const HeadIo& io = *ctx.head;
  const int64_t n = int64_t(io.rows.size());
  const Buf dh = ctx.arena.at(b.scratch.dh, n), dx = ctx.arena.at(b.scratch.dx, n);
  ctx.ops.head({.hidden = ctx.arena.at(b.saved.h, n),
                .head = w.head,
                .targets = io.tokens,
                .logprob = io.logprob,
                .weight = io.weight,
                .dhidden = dh});
  if (!need_dx) return;
  ctx.ops.rms_norm_backward(ctx.arena.at(b.saved.x, n), w.norm, spec.norm_eps, dh, dx, false, {});
  ctx.ops.scatter_add_rows(dx, io.rows, d);
}

void HeadBlock::logits(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                       std::span<const int32_t> rows, Buf out) {
  const Buf h = normed_rows(ctx, spec, w, b, in, rows);
  const BatchView base{.ids = rows};  // only the number of rows counts: no segment, no adapter
  ctx.ops.linear(base, h, {&w.head, 1}, {&out, 1}, {}, false);
}

}  // namespace fettle
