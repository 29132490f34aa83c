#include "model/block/head.h"

namespace fettle {

static_assert(Block<HeadBlock>);

namespace {

Buf normed(const BlockContext& ctx, const HeadBlock::Spec& spec, const HeadBlock::Weights& w,
           const HeadBlock::Booked& b, Buf in) {
  const Buf h = ctx.at(b.saved.h);
  ctx.ops.rms_norm(in, w.norm, spec.norm_eps, h);
  return h;
}

}  // namespace

HeadBlock::Booked HeadBlock::plan(const Spec& spec, const Weights&, const BlockShape& shape, Booking& book,
                                  const std::string& name) {
  Booked b;
  b.saved.h = book.book(name + ".normed", shape.tokens, spec.hidden, shape.compute);
  const int64_t start = book.mark();
  if (shape.backward) b.scratch.dh = book.book("scratch: dhidden", shape.tokens, spec.hidden, shape.compute);
  book.release(start);
  return b;
}

void HeadBlock::forward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                        Buf) {
  const HeadIo& io = *ctx.head;
  const Buf h = normed(ctx, spec, w, b, in);
  if (!io.one_pass) ctx.ops.head({.hidden = h, .head = w.head, .targets = io.tokens, .logprob = io.logprob});
}

// The normed rows are always kept.
void HeadBlock::recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf) {}

void HeadBlock::backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                         Buf d, bool need_dx) {
  const HeadIo& io = *ctx.head;
  const Buf dh = ctx.at(b.scratch.dh);
  ctx.ops.head({.hidden = ctx.at(b.saved.h),
                .head = w.head,
                .targets = io.tokens,
                .logprob = io.logprob,
                .weight = io.weight,
                .dhidden = dh});
  if (need_dx) ctx.ops.rms_norm_backward(in, w.norm, spec.norm_eps, dh, d, false, {});
}

void HeadBlock::logits(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in,
                       Buf out) {
  const Buf h = normed(ctx, spec, w, b, in);
  const BatchView base{.ids = ctx.batch.ids};  // only the number of rows counts: no segment, no adapter
  ctx.ops.linear(base, h, {&w.head, 1}, {&out, 1}, {}, false);
}

}  // namespace fettle
