#include "tune/optim/optimizer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "model/model_testing.h"

namespace fettle {

// Neither parameters, moments nor the count of updates move, and the gradient stays to be looked at.
TEST(OptimizerTest, AGradientThatIsNotFiniteChangesNothing) {
  const auto ops = testing::test_ops(1);
  Optimizer optimizer({}, 3);
  std::vector<float> params = {1, 2, 3}, grads = {0.5, 0.25, -1};
  EXPECT_GT(optimizer.step(*ops, params, grads, 1e-2), 0);
  const std::vector<float> before = params,
                           m(optimizer.first_moment().begin(), optimizer.first_moment().end());
  EXPECT_NE(before[0], 1);
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    grads = {0.5, bad, 1};
    EXPECT_FALSE(std::isfinite(optimizer.step(*ops, params, grads, 1e-2)));
    EXPECT_EQ(params, before);
    EXPECT_TRUE(std::ranges::equal(m, optimizer.first_moment()));
    EXPECT_EQ(optimizer.updates(), 1);
    EXPECT_EQ(grads[0], 0.5f);
  }
}

}  // namespace fettle
