#include <gtest/gtest.h>

#include <cmath>

#include "kernel/cpu/op_testing.h"

namespace fettle::testing {
namespace {

std::vector<float> values(size_t n, uint32_t stream) {
  Rng rng(5, Purpose::probe, 0, stream);
  std::vector<float> x(n);
  for (float& v : x) v = 2 * rng.next_float() - 1;
  return x;
}

// The update of torch.optim.AdamW, in double, for a parameter of its own.
struct Adam {
  double p, m = 0, v = 0;
  void step(double g, const AdamW& rule) {
    p *= 1 - rule.lr * rule.weight_decay;
    m = rule.beta1 * m + (1 - rule.beta1) * g;
    v = rule.beta2 * v + (1 - rule.beta2) * g * g;
    const double m_hat = m / (1 - std::pow(rule.beta1, double(rule.step)));
    const double v_hat = v / (1 - std::pow(rule.beta2, double(rule.step)));
    p -= rule.lr * m_hat / (std::sqrt(v_hat) + rule.eps);
  }
};

TEST(AdamWOp, FollowsTheFormulaForManySteps) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    const auto ops = ops_for(isa.isa);
    constexpr size_t kN = 20011;  // more than one chunk, and a tail
    std::vector<float> p = values(kN, 1), m(kN), v(kN);
    std::vector<Adam> expected;
    for (const float x : p) expected.push_back({x});
    AdamW rule{.lr = 2e-3, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-6, .weight_decay = 0.1, .grad_scale = 0.5f};
    for (rule.step = 1; rule.step <= 12; ++rule.step) {
      std::vector<float> g = values(kN, 100 + uint32_t(rule.step));
      g[7] = 0;  // never a gradient: only decay moves it
      const std::vector<float> given = g;
      ops->adamw(p, g, m, v, rule);
      ASSERT_EQ(g, std::vector<float>(kN)) << "the gradient is not cleared";
      for (size_t i = 0; i < kN; ++i) expected[i].step(0.5 * double(given[i]), rule);
    }
    for (size_t i = 0; i < kN; ++i) {
      ASSERT_NEAR(p[i], expected[i].p, 2e-6) << i;
      ASSERT_NEAR(m[i], expected[i].m, 1e-6) << i;
      ASSERT_NEAR(v[i], expected[i].v, 1e-6) << i;
    }
    EXPECT_NEAR(p[7], values(kN, 1)[7] * std::pow(1 - 2e-4, 12), 1e-6);
  }
}

TEST(AdamWOp, TheFirstStepIsTheSignOfTheGradient) {
  const auto ops = ops_for(Isa::generic);
  std::vector<float> p = {1, 1, 1}, m(3), v(3);
  std::vector<float> g = {1e-3f, -20, 0};
  ops->adamw(p, g, m, v, {.lr = 0.01});
  EXPECT_NEAR(p[0], 0.99, 1e-6);
  EXPECT_NEAR(p[1], 1.01, 1e-6);
  EXPECT_EQ(p[2], 1.0f);
}

TEST(SumSquaresOp, IsExactToDoubleAndIndependentOfThreads) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    const std::vector<float> x = values(100003, 2);
    double expected = 0;
    for (const float v : x) expected += double(v) * v;
    const double one = ops_for(isa.isa, 1)->sum_squares(x), three = ops_for(isa.isa, 3)->sum_squares(x);
    EXPECT_NEAR(one, expected, 1e-12 * expected);
    EXPECT_EQ(one, three);
    EXPECT_EQ(ops_for(isa.isa, 1)->sum_squares({}), 0.0);
  }
}

}  // namespace
}  // namespace fettle::testing
