// head against a softmax in double, and the rules of kernel/ops.h.
#include "kernel/cpu/linear_testing.h"

namespace fettle {
namespace {

using testing::expect_within;
using testing::Expected;
using testing::for_each_mode;
using testing::Matrix;
using testing::Mode;
using testing::ops_for;
using testing::StoredWeight;
using testing::Tensor;

struct HeadCase {
  HeadCase(DType type, DType storage, int64_t n, int64_t width, int64_t vocab, bool with_bias = false,
           int64_t gap = 2)
      : hidden(n, width, type, width + gap),
        weight(storage, vocab, width, 3),
        bias(1, vocab, DType::f32),
        dhidden(n, width, type) {
    hidden.random(1, 4);
    bias.random(2);
    if (with_bias) proj.bias = bias;
    proj.w = weight.view;
    Rng rng(5, Purpose::probe);
    for (int64_t i = 0; i < n; ++i) {
      targets.push_back(i == 0 ? 0 : i == 1 ? int32_t(vocab) - 1 : int32_t(rng.below(uint32_t(vocab))));
      dloss.push_back(rng.next_float() * 2 - 1.5f);
    }
    logprob.assign(size_t(n), 0.0f);
  }
  void run(Ops& ops, bool backward) {
    ops.head({.hidden = hidden,
              .head = proj,
              .targets = targets,
              .logprob = logprob,
              .weight = backward ? std::span<const float>(dloss) : std::span<const float>(),
              .dhidden = backward ? Buf(dhidden) : Buf{}});
  }
  Matrix<double> logits() const {
    Matrix<double> l(hidden.rows(), weight.values.rows);
    for (int64_t r = 0; r < l.rows; ++r)
      for (int64_t v = 0; v < l.cols; ++v) {
        for (int64_t i = 0; i < hidden.cols(); ++i) l(r, v) += double(hidden.get(r, i)) * weight.values(v, i);
        if (proj.bias) l(r, v) += double(bias.get(0, v));
      }
    return l;
  }

  Tensor hidden;
  StoredWeight weight;
  Tensor bias, dhidden;
  Proj proj;
  std::vector<int32_t> targets;
  std::vector<float> dloss, logprob;
};

void check(Mode mode, DType storage, int64_t n, int64_t width, int64_t vocab, bool bias = false) {
  HeadCase c(mode.type, storage, n, width, vocab, bias);
  const auto ops = ops_for(mode.isa);
  c.run(*ops, true);
  const Matrix<double> logits = c.logits();
  Expected dhidden(n, width);
  // A logit of width products with one rounded operand each errs by 2^-9 of their magnitude at most; |x| < 4,
  // |w| < 0.1.
  const double logit_error = (mode.type == DType::bf16 ? 0x1p-9 : 1e-6) * 4 * 0.1 * double(width) / 4;
  for (int64_t r = 0; r < n; ++r) {
    double z = 0;
    for (int64_t v = 0; v < vocab; ++v) z += std::exp(logits(r, v));
    const double expected = logits(r, c.targets[size_t(r)]) - std::log(z);
    ASSERT_NEAR(c.logprob[size_t(r)], expected, logit_error + 1e-5) << "row " << r;
    for (int64_t v = 0; v < vocab; ++v) {
      const double p = std::exp(logits(r, v)) / z;
      const double dlogit = double(c.dloss[size_t(r)]) * ((v == c.targets[size_t(r)] ? 1 : 0) - p);
      for (int64_t i = 0; i < width; ++i) dhidden.add(r, i, dlogit * c.weight.values(v, i));
    }
  }
  // Probabilities err by the logits' error, relatively.
  for (double& m : dhidden.magnitude.data) m *= 1 + (mode.type == DType::bf16 ? 20 : 4) * logit_error;
  expect_within(c.dhidden, dhidden, mode.type, "dhidden");
}

TEST(Head, AgainstASoftmaxInDouble) {
  for_each_mode([](Mode mode) {
    check(mode, DType::bf16, 21, 48, 700);
    check(mode, DType::q4_1, 5, 96, 1000, true);
    check(mode, DType::q6_k, 3, 256, 515);
    check(mode, DType::f32, 2, 33, 61);
  });
}

TEST(Head, MoreRowsThanAChunk) {
  for_each_mode([](Mode mode) { check(mode, DType::bf16, 300, 32, 300); });
}

TEST(Head, ForwardAloneGivesTheSameLogprobs) {
  for_each_mode([](Mode mode) {
    HeadCase both(mode.type, DType::q8_0, 40, 64, 600), alone(mode.type, DType::q8_0, 40, 64, 600);
    const auto ops = ops_for(mode.isa);
    both.run(*ops, true);
    alone.run(*ops, false);
    EXPECT_EQ(both.logprob, alone.logprob);
  });
}

TEST(Head, LogitsBeyondTheRangeOfExp) {
  for_each_mode([](Mode mode) {
    HeadCase c(mode.type, DType::f32, 4, 32, 300);
    for (int64_t r = 0; r < 4; ++r)
      for (int64_t i = 0; i < 32; ++i) c.hidden.set(r, i, c.hidden.get(r, i) * 256);
    const auto ops = ops_for(mode.isa);
    c.run(*ops, true);
    const Matrix<double> logits = c.logits();
    for (int64_t r = 0; r < 4; ++r) {
      double largest = -1e300, z = 0;
      for (int64_t v = 0; v < 300; ++v) largest = std::max(largest, logits(r, v));
      ASSERT_GT(largest, 100);
      for (int64_t v = 0; v < 300; ++v) z += std::exp(logits(r, v) - largest);
      const double expected = logits(r, c.targets[size_t(r)]) - largest - std::log(z);
      EXPECT_NEAR(c.logprob[size_t(r)], expected,
                  (mode.type == DType::bf16 ? 0x1p-9 : 1e-5) * 1024 * 0.1 * 32 / 4);
    }
  });
}

TEST(Head, ThreadsAndNeighboursDoNotMatter) {
  for_each_mode([](Mode mode) {
    const auto make = [&] { return HeadCase(mode.type, DType::q4_1, 290, 64, 900); };
    HeadCase one = make();
    one.run(*ops_for(mode.isa, 1), true);
    for (const int threads : {2, 3}) {
      HeadCase more = make();
      more.run(*ops_for(mode.isa, threads), true);
      EXPECT_EQ(more.logprob, one.logprob);
      EXPECT_EQ(more.dhidden.bits(), one.dhidden.bits());
    }
    const auto ops = ops_for(mode.isa);
    for (const int64_t row : {0, 17, 289}) {
      HeadCase alone(mode.type, DType::q4_1, 1, 64, 900);
      for (int64_t i = 0; i < 64; ++i) alone.hidden.set(0, i, one.hidden.get(row, i));
      alone.targets[0] = one.targets[size_t(row)];
      alone.dloss[0] = one.dloss[size_t(row)];
      alone.run(*ops, true);
      EXPECT_EQ(alone.logprob[0], one.logprob[size_t(row)]);
      EXPECT_EQ(alone.dhidden.bits(), one.dhidden.bits(row, 1));
    }
  });
}

TEST(Head, ScratchIsConstantAfterTheFirstCall) {
  for_each_mode([](Mode mode) {
    HeadCase c(mode.type, DType::q4_1, 40, 64, 900);
    const auto ops = ops_for(mode.isa);
    c.run(*ops, true);
    const int64_t first = ops->scratch_bytes();
    c.run(*ops, true);
    c.run(*ops, false);
    EXPECT_EQ(ops->scratch_bytes(), first);
  });
}

}  // namespace
}  // namespace fettle
