// The oracles themselves, against what can be worked out by hand.
#include <gtest/gtest.h>

#include <functional>

#include "kernel/ref/dual.h"
#include "kernel/ref/ops.h"

namespace fettle::ref {
namespace {

using D = Dual<double>;

TEST(Dual, SlopesOfEveryFunction) {
  struct Case {
    const char* name;
    std::function<D(D)> f;
    std::function<double(double)> slope;
  };
  const Case cases[] = {
      {"sum", [](D x) { return x + x + D(2); }, [](double) { return 2.0; }},
      {"difference", [](D x) { return D(1) - x; }, [](double) { return -1.0; }},
      {"minus", [](D x) { return -x; }, [](double) { return -1.0; }},
      {"product", [](D x) { return x * x * x; }, [](double x) { return 3 * x * x; }},
      {"quotient", [](D x) { return x / (x + D(1)); }, [](double x) { return 1 / ((x + 1) * (x + 1)); }},
      {"exp", [](D x) { return exp(D(2) * x); }, [](double x) { return 2 * std::exp(2 * x); }},
      {"log", [](D x) { return log(x); }, [](double x) { return 1 / x; }},
      {"sqrt", [](D x) { return sqrt(x); }, [](double x) { return 0.5 / std::sqrt(x); }},
      {"tanh", [](D x) { return tanh(x); }, [](double x) { return 1 / (std::cosh(x) * std::cosh(x)); }},
      {"compound",
       [](D x) {
         D y = x;
         y *= x;
         y -= D(3);
         y /= x;
         return y += D(1);
       },
       [](double x) { return 1 + 3 / (x * x); }},
  };
  for (const Case& c : cases)
    for (const double x : {0.3, 1.0, 2.7})
      EXPECT_NEAR(c.f(D(x, 1)).slope, c.slope(x), 1e-13) << c.name << " at " << x;
  EXPECT_TRUE(D(1, 5) < D(2, 0));
  EXPECT_TRUE(D(3, -5) > D(2, 0));
}

Matrix<double> filled(int64_t rows, int64_t cols, std::vector<double> data) {
  Matrix<double> m(rows, cols);
  m.data = std::move(data);
  return m;
}

TEST(RefOps, LinearWithItsLowRankDelta) {
  const Matrix<double> x = filled(1, 2, {1, 2}), w = filled(3, 2, {1, 0, 0, 1, 1, 1});
  const LowRank<double> delta{filled(1, 2, {1, 1}), filled(3, 1, {1, 0, -1}), 0.5};
  EXPECT_EQ(linear(x, w).data, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ(linear(x, w, {10, 20, 30}, delta).data, (std::vector<double>{12.5, 22, 31.5}));
}

TEST(RefOps, RmsNormOfAConstantRowIsItsWeight) {
  const Matrix<double> y = rms_norm(filled(1, 4, {3, 3, -3, 3}), filled(1, 4, {1, 2, 3, 4}), 0);
  EXPECT_EQ(y.data, (std::vector<double>{1, 2, -3, 4}));
}

TEST(RefOps, RopeTurnsByAQuarter) {
  const Matrix<double> cos = filled(2, 1, {1, 0}), sin = filled(2, 1, {0, 1});
  const std::vector<int32_t> positions = {1, 0};
  const Matrix<double> y = rope(filled(2, 2, {1, 2, 3, 4}), 2, cos, sin, positions);
  EXPECT_EQ(y.data, (std::vector<double>{-2, 1, 3, 4}));
}

TEST(RefOps, ActivationsAtKnownPoints) {
  EXPECT_NEAR(activation(Activation::silu, 1.0), 0.7310585786300049, 1e-15);
  EXPECT_NEAR(activation(Activation::gelu_tanh, 1.0), 0.8411919906082768, 1e-12);
  EXPECT_EQ(gated_act(Activation::silu, filled(1, 1, {0}), filled(1, 1, {5})).data[0], 0.0);
}

TEST(RefOps, AttentionWithEqualScoresAverages) {
  AttentionSpec spec{.heads = 2, .kv_heads = 1, .head_dim = 1, .scale = 1};
  const Matrix<double> q(2, 2), k(3, 1), v = filled(3, 1, {3, 6, 9});
  Attended<double> out = attention(spec, q, k, v);  // two queries at the end of three keys
  EXPECT_EQ(out.o.data, (std::vector<double>{4.5, 4.5, 6, 6}));
  EXPECT_NEAR(out.lse(1, 0), std::log(3.0), 1e-15);
  spec.window = 2;
  out = attention(spec, q, k, v);
  EXPECT_EQ(out.o.data, (std::vector<double>{4.5, 4.5, 7.5, 7.5}));
}

TEST(RefOps, LogProbSumsToOne) {
  const Matrix<double> logits = filled(1, 3, {1000, 1001, 999});
  double sum = 0;
  for (int32_t c = 0; c < 3; ++c) sum += std::exp(log_prob(logits, 0, c));
  EXPECT_NEAR(sum, 1, 1e-12);
  EXPECT_NEAR(log_prob(logits, 0, 1), -std::log(1 + std::exp(-1.0) + std::exp(-2.0)), 1e-12);
}

}  // namespace
}  // namespace fettle::ref
