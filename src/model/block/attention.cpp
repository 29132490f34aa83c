#include "model/block/attention.h"

#include "base/error.h"
#include "model/block/residual.h"

namespace fettle {

static_assert(Block<AttentionBlock>);

namespace {

using Spec = AttentionBlock::Spec;
using Weights = AttentionBlock::Weights;
using Booked = AttentionBlock::Booked;

// Queries (0) or keys (1) as attention takes them. The norm of heads reads them as projected in its backward,
// so with it the rotated ones have a place of their own, from which nothing is kept.
Buf rotated(const BlockContext& ctx, const Booked& b, size_t i) {
  return ctx.at(b.scratch.rotated[i] ? b.scratch.rotated[i] : b.saved.qkv[i]);
}

// Rows of heads.
Buf heads_of(const Spec& spec, Buf x) {
  const int64_t dim = spec.attention.head_dim;
  FETTLE_CHECK(x.ld == x.cols && x.cols % dim == 0);
  return {x.p, x.rows * (x.cols / dim), dim, dim, x.type};
}

void norm_and_rotate(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b) {
  for (size_t i = 0; i < 2; ++i) {
    const Buf to = rotated(ctx, b, i);
    if (w.qk_norm[i])
      ctx.ops.rms_norm(heads_of(spec, ctx.at(b.saved.qkv[i])), w.qk_norm[i], spec.norm_eps,
                       heads_of(spec, to));
    ctx.ops.rope(to, spec.attention.head_dim, *spec.rope, ctx.batch.positions, false);
  }
}

// Over the batch's own keys and values: one block per sequence, starting at its first row.
KvView own_keys(const BlockContext& ctx, const Booked& b) {
  return {.k = rotated(ctx, b, 1),
          .v = ctx.at(b.saved.qkv[2]),
          .lengths = ctx.lengths,
          .block_rows = ctx.block_rows};
}

// From the block's input to o: all that the output projection needs.
void attend(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf in) {
  Ops& ops = ctx.ops;
  const Buf x = ctx.at(b.scratch.x);
  ops.rms_norm(in, w.norm, spec.norm_eps, x);
  const Buf qkv[] = {ctx.at(b.saved.qkv[0]), ctx.at(b.saved.qkv[1]), ctx.at(b.saved.qkv[2])};
  const Buf u[] = {ctx.at(b.saved.u[0]), ctx.at(b.saved.u[1]), ctx.at(b.saved.u[2])};
  ops.linear(ctx.batch, x, w.qkv, qkv, u, false);
  norm_and_rotate(ctx, spec, w, b);
  KvView view = own_keys(ctx, b);
  if (ctx.kv != nullptr) {
    ops.store_kv(ctx.batch, view.k, view.v, *ctx.kv);
    view = *ctx.kv;
  }
  ops.attention(ctx.batch, spec.attention, rotated(ctx, b, 0), view, ctx.at(b.saved.o), ctx.at(b.saved.lse));
}

// From the gradient of o to those of q, k, v as projected.
void attend_backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b, Buf d_o,
                     const Buf (&dqkv)[3]) {
  if (w.qk_norm[0]) norm_and_rotate(ctx, spec, w, b);
  ctx.ops.attention_backward(ctx.batch, spec.attention, rotated(ctx, b, 0), own_keys(ctx, b),
                             ctx.at(b.saved.o), ctx.at(b.saved.lse), d_o, dqkv[0], dqkv[1], dqkv[2]);
  ctx.ops.rope(dqkv[0], spec.attention.head_dim, *spec.rope, ctx.batch.positions, true);
  ctx.ops.rope(dqkv[1], spec.attention.head_dim, *spec.rope, ctx.batch.positions, true);
  for (size_t i = 0; i < 2 && w.qk_norm[0]; ++i) {
    const Buf d = heads_of(spec, dqkv[i]);
    ctx.ops.rms_norm_backward(heads_of(spec, ctx.at(b.saved.qkv[i])), w.qk_norm[i], spec.norm_eps, d, d,
                              false, {});
  }
}

BranchEnd branch_end(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b) {
  return {.h = ctx.at(b.saved.o),
          .proj = w.o,
          .u = ctx.at(b.saved.u_o),
          .norm = w.post_norm,
          .eps = spec.norm_eps,
          .y = ctx.at(b.saved.y),
          .normed = ctx.at(b.scratch.x)};
}

void book_saved(const Spec& spec, const Weights& w, const BlockShape& shape, Booking& book,
                const std::string& name, AttentionBlock::Saved& saved) {
  const int64_t T = shape.tokens;
  saved.qkv = {book.book(name + ".q", T, spec.q_dim(), shape.compute),
               book.book(name + ".k", T, spec.kv_dim(), shape.compute),
               book.book(name + ".v", T, spec.kv_dim(), shape.compute)};
  saved.o = book.book(name + ".o", T, spec.q_dim(), shape.compute);
  if (w.post_norm) saved.y = book.book(name + ".y", T, spec.hidden, shape.compute);
  if (!shape.backward) return;
  saved.lse = book.book(name + ".lse", T, spec.attention.heads, DType::f32);
  constexpr const char* kNames[] = {".u_q", ".u_k", ".u_v"};
  for (size_t i = 0; i < 3; ++i)
    saved.u[i] = book_low_rank(book, name + kNames[i], T, w.qkv[i], shape.compute);
}

void book_backward(const Spec& spec, const Weights& w, const BlockShape& shape, Booking& book,
                   AttentionBlock::Scratch& scratch) {
  const int64_t T = shape.tokens;
  const DType type = shape.compute;
  if (type != DType::f32 || w.post_norm) scratch.dy = book.book("scratch: dy", T, spec.hidden, type);
  scratch.d_o = book.book("scratch: do", T, spec.q_dim(), type);
  const int64_t widths[] = {spec.q_dim(), spec.kv_dim(), spec.kv_dim()};
  constexpr const char* kNames[] = {"scratch: dq", "scratch: dk", "scratch: dv"};
  for (size_t i = 0; i < 3; ++i) {
    scratch.dqkv[i] = book.book(kNames[i], T, widths[i], type);
    scratch.du[i] = book_low_rank(book, "scratch: du", T, w.qkv[i], type);
  }
  scratch.dx = book.book("scratch: dx", T, spec.hidden, type);
  scratch.du_o = book_low_rank(book, "scratch: du_o", T, w.o[0], type);
}

}  // namespace

Booked AttentionBlock::plan(const Spec& spec, const Weights& w, const BlockShape& shape, Booking& book,
                            const std::string& name) {
  const int64_t T = shape.tokens;
  Booked b{.kept = shape.backward && shape.recompute != Recompute::block};
  if (shape.backward) b.saved.u_o = book_low_rank(book, name + ".u_o", T, w.o[0], shape.compute);
  if (b.kept) book_saved(spec, w, shape, book, name, b.saved);
  const int64_t start = book.mark();
  if (!b.kept) book_saved(spec, w, shape, book, name, b.saved);
  b.scratch.x = book.book("scratch: normed input", T, spec.hidden, shape.compute);
  if (w.qk_norm[0])
    b.scratch.rotated = {book.book("scratch: rotated q", T, spec.q_dim(), shape.compute),
                         book.book("scratch: rotated k", T, spec.kv_dim(), shape.compute)};
  if (shape.backward) book_backward(spec, w, shape, book, b.scratch);
  book.release(start);
  return b;
}

void AttentionBlock::forward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b,
                             Buf in, Buf out) {
  attend(ctx, spec, w, b, in);
  join_residual(ctx, branch_end(ctx, spec, w, b), in, out);
}

void AttentionBlock::recompute(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b,
                               Buf in) {
  if (b.kept) return;
  attend(ctx, spec, w, b, in);
  restore_branch(ctx, branch_end(ctx, spec, w, b));
}

void AttentionBlock::backward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked& b,
                              Buf in, Buf d, bool need_dx) {
  Ops& ops = ctx.ops;
  const bool branch = need_dx || trains(w.qkv);
  const Buf dy = branch_gradient(ctx, branch_end(ctx, spec, w, b), d, b.scratch.dy);
  const Buf d_o = ctx.at(b.scratch.d_o), u_o = ctx.at(b.saved.u_o), du_o = ctx.at(b.scratch.du_o);
  ops.linear_dx(ctx.batch, {&dy, 1}, w.o, {&du_o, 1}, branch ? d_o : Buf{}, false);
  if (trains(w.o)) ops.low_rank_grad(ctx.batch, ctx.at(b.saved.o), {&u_o, 1}, {&dy, 1}, {&du_o, 1}, w.o);
  if (!branch) return;

  const Buf dqkv[] = {ctx.at(b.scratch.dqkv[0]), ctx.at(b.scratch.dqkv[1]), ctx.at(b.scratch.dqkv[2])};
  attend_backward(ctx, spec, w, b, d_o, dqkv);
  const Buf u[] = {ctx.at(b.saved.u[0]), ctx.at(b.saved.u[1]), ctx.at(b.saved.u[2])};
  const Buf du[] = {ctx.at(b.scratch.du[0]), ctx.at(b.scratch.du[1]), ctx.at(b.scratch.du[2])};
  const Buf dx = need_dx ? ctx.at(b.scratch.dx) : Buf{};
  ops.linear_dx(ctx.batch, dqkv, w.qkv, du, dx, false);
  if (trains(w.qkv)) {
    const Buf x = ctx.at(b.scratch.x);
    ops.rms_norm(in, w.norm, spec.norm_eps, x);
    ops.low_rank_grad(ctx.batch, x, u, dqkv, du, w.qkv);
  }
  if (need_dx) ops.rms_norm_backward(in, w.norm, spec.norm_eps, dx, d, true, {});
}

}  // namespace fettle
