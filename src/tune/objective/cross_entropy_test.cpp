#include "tune/objective/cross_entropy.h"

#include <gtest/gtest.h>

#include <vector>

namespace fettle {

// Two micro-batches with different numbers of targets: the mean is over the step's targets, not a mean of
// means.
TEST(CrossEntropy, NormalisesByTheTargetsOfTheStep) {
  CrossEntropy objective;
  objective.begin_step(4);
  const std::vector<float> a = {-1}, b = {-2, -3, -6};
  EXPECT_DOUBLE_EQ(objective.loss({}, a) + objective.loss({}, b), 3.0);
  std::vector<float> weight(3);
  objective.weigh({}, {}, weight);
  for (float w : weight) EXPECT_EQ(w, -0.25f);
  EXPECT_TRUE(objective.one_pass());
}

}  // namespace fettle
