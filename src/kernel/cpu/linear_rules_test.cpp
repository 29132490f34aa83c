// The rules of kernel/ops.h for linear, linear_dx and low_rank_grad: equal bits for any number of threads and
// any neighbours, constant scratch, and which kernels ran.
#include <fmt/core.h>

#include "kernel/cpu/linear_testing.h"
#include "kernel/gemm/microkernels.h"

namespace fettle {
namespace {

using testing::Backward;
using testing::backward;
using testing::bufs;
using testing::for_each_mode;
using testing::Forward;
using testing::forward;
using testing::LinearCase;
using testing::LinearSpec;
using testing::Mode;
using testing::ops_for;
using testing::Tensor;
using testing::tensors;

LinearSpec full_spec(Mode mode) {
  return {.mode = mode,
          .storage = DType::q4_1,
          .lengths = {50, 3, 247},
          .in = 1600,
          .outs = {200, 64},
          .rank = 8,
          .segments = {{0, 53, 0}, {53, 300, 1}},
          .adapters = 2,
          .dropout = 0.2f,
          .bias = true,
          .accumulate = true};
}

std::vector<uint32_t> all_bits(const LinearSpec& spec, int threads) {
  LinearCase c(spec);
  const auto ops = ops_for(spec.mode.isa, threads);
  Forward f = forward(c, *ops, spec.mode.type);
  std::vector<Tensor> dy = tensors(c, spec.mode.type, 80, false);
  Backward b = backward(c, *ops, dy, true, spec.mode.type);
  ops->low_rank_grad(c.batch(), c.x, bufs(f.u), bufs(dy), bufs(b.du), c.projs);
  std::vector<uint32_t> bits;
  const auto append = [&](const std::vector<Tensor>& list) {
    for (const Tensor& t : list) std::ranges::copy(t.bits(), std::back_inserter(bits));
  };
  append(f.y), append(f.u), append(b.du), append(c.matrices);
  std::ranges::copy(b.dx.bits(), std::back_inserter(bits));
  return bits;
}

TEST(Linear, AnyNumberOfThreadsGivesEqualBits) {
  for_each_mode([](Mode mode) {
    const auto one = all_bits(full_spec(mode), 1);
    EXPECT_EQ(one, all_bits(full_spec(mode), 2));
    EXPECT_EQ(one, all_bits(full_spec(mode), 3));
  });
}

// Sequence s alone, with its own positions and key, must give the bits it has in the pack; so must a single
// row.
TEST(Linear, ARowDoesNotSeeItsNeighbours) {
  for_each_mode([](Mode mode) {
    LinearCase c(full_spec(mode));
    const auto ops = ops_for(mode.isa);
    Forward f = forward(c, *ops, mode.type);
    std::vector<Tensor> dy = tensors(c, mode.type, 80, false);
    Backward b = backward(c, *ops, dy, false, mode.type);
    const auto check = [&](int64_t begin, int64_t count, size_t sequence, int32_t adapter) {
      SCOPED_TRACE(fmt::format("rows {} + {}", begin, count));
      const std::vector<int32_t> cu = {0, int32_t(count)};
      const std::vector<Segment> segments = {{0, count, adapter}};
      BatchView alone = c.batch();
      alone.ids = alone.ids.subspan(size_t(begin), size_t(count));
      alone.positions = alone.positions.subspan(size_t(begin), size_t(count));
      alone.cu_seqlens = cu;
      alone.segments = segments;
      alone.sample_keys = alone.sample_keys.subspan(sequence, 1);
      const auto cut = [&](const Tensor& from) {
        Tensor out(count, from.cols(), mode.type);
        for (int64_t r = 0; r < count; ++r)
          for (int64_t i = 0; i < from.cols(); ++i) out.set(r, i, from.get(begin + r, i));
        return out;
      };
      Tensor x = cut(c.x), dx(count, c.spec.in, mode.type);
      std::vector<Tensor> y, u, dyy, du;
      const std::vector<Tensor> residual = tensors(c, mode.type, 50, false);
      for (size_t p = 0; p < c.projs.size(); ++p) {
        y.push_back(cut(residual[p]));
        dyy.push_back(cut(dy[p]));
        u.push_back(cut(f.u[p]));
        du.push_back(cut(b.du[p]));
      }
      ops->linear(alone, x, c.projs, bufs(y), bufs(u), true);
      ops->linear_dx(alone, bufs(dyy), c.projs, bufs(du), dx, false);
      for (size_t p = 0; p < c.projs.size(); ++p) {
        EXPECT_EQ(y[p].bits(), f.y[p].bits(begin, count));
        EXPECT_EQ(u[p].bits(), f.u[p].bits(begin, count));
        EXPECT_EQ(du[p].bits(), b.du[p].bits(begin, count));
      }
      EXPECT_EQ(dx.bits(), b.dx.bits(begin, count));
    };
    check(0, 50, 0, 0);
    check(50, 3, 1, 0);
    check(53, 247, 2, 1);
    for (const int64_t row : {0, 49}) check(row, 1, 0, 0);
    for (const int64_t row : {53, 180, 299}) check(row, 1, 2, 1);
  });
}

TEST(Linear, DropsAboutTheShareItShould) {
  LinearCase c({.mode = {Isa::generic, DType::f32},
                .lengths = {64},
                .in = 640,
                .outs = {16},
                .rank = 2,
                .dropout = 0.25f});
  int64_t dropped = 0;
  for (int64_t t = 0; t < 64; ++t)
    for (int64_t i = 0; i < 640; ++i) dropped += c.mask(c.deltas[0][0], t, i) == 0;
  EXPECT_NEAR(double(dropped) / (64 * 640), 0.25, 0.01);  // 4.7 standard deviations
}

TEST(Linear, NothingIsDroppedOutsideTraining) {
  LinearSpec spec{.mode = {Isa::generic, DType::f32}, .in = 64, .outs = {32}, .rank = 4, .dropout = 0.5f};
  LinearCase c(spec);
  spec.dropout = 0;
  LinearCase plain(spec);
  const auto ops = ops_for(Isa::generic);
  BatchView batch = c.batch();
  batch.training = false;
  std::vector<Tensor> y = tensors(c, DType::f32, 50, false);
  ops->linear(batch, c.x, c.projs, bufs(y), {}, false);
  EXPECT_EQ(y[0].bits(), forward(plain, *ops, DType::f32).y[0].bits());
}

TEST(Linear, ScratchIsConstantAfterTheFirstCall) {
  for_each_mode([](Mode mode) {
    LinearCase c(full_spec(mode));
    CpuOps ops({.isa = mode.isa, .threads = 2});
    const auto round = [&] {
      Forward f = forward(c, ops, mode.type);
      std::vector<Tensor> dy = tensors(c, mode.type, 80, false);
      Backward b = backward(c, ops, dy, true, mode.type);
      ops.low_rank_grad(c.batch(), c.x, bufs(f.u), bufs(dy), bufs(b.du), c.projs);
      return std::pair(ops.scratch_bytes(), ops.micro().fast(true) + ops.micro().fast(false));
    };
    const auto first = round();
    EXPECT_GT(first.first, 0);
    EXPECT_EQ(round(), first);
  });
}

// The fast path ran: bf16 is multiplied as it is exactly where the set can, all else by generated kernels.
TEST(Linear, FastKernelsOfTheRightTypeRan) {
  for_each_mode([](Mode mode) {
    LinearCase c({.mode = mode, .in = 64, .outs = {64}});
    CpuOps ops({.isa = mode.isa, .threads = 1});
    forward(c, ops, mode.type);
    const bool bf16 = row(mode.isa).bf16_dot && mode.type == DType::bf16;
    EXPECT_EQ(ops.micro().fast(true) > 0, bf16) << ops.microkernels();
    EXPECT_EQ(ops.micro().fast(false) > 0, mode.isa != Isa::generic && !bf16) << ops.microkernels();
    EXPECT_EQ(ops.micro().bf16(), row(mode.isa).bf16_dot);
  });
}

}  // namespace
}  // namespace fettle
