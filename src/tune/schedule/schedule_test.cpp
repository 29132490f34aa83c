#include "tune/schedule/schedule.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fettle {

// transformers' get_*_schedule: the first update of a warm-up runs at zero.
TEST(Schedule, LinearRisesAndFalls) {
  const auto& linear = schedule(ScheduleKind::linear);
  EXPECT_DOUBLE_EQ(linear.factor(0, 10, 110), 0.0);
  EXPECT_DOUBLE_EQ(linear.factor(5, 10, 110), 0.5);
  EXPECT_DOUBLE_EQ(linear.factor(10, 10, 110), 1.0);
  EXPECT_DOUBLE_EQ(linear.factor(60, 10, 110), 0.5);
  EXPECT_DOUBLE_EQ(linear.factor(110, 10, 110), 0.0);
  EXPECT_DOUBLE_EQ(linear.factor(0, 0, 100), 1.0);
}

TEST(Schedule, CosineHalvesInTheMiddle) {
  const auto& cosine = schedule(ScheduleKind::cosine);
  EXPECT_DOUBLE_EQ(cosine.factor(0, 0, 100), 1.0);
  EXPECT_NEAR(cosine.factor(50, 0, 100), 0.5, 1e-12);
  EXPECT_NEAR(cosine.factor(25, 0, 100), 0.5 * (1 + std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(cosine.factor(100, 0, 100), 0.0, 1e-12);
}

TEST(Schedule, ConstantIgnoresWarmupUnlessAsked) {
  EXPECT_EQ(schedule(ScheduleKind::constant).factor(0, 10, 100), 1.0);
  EXPECT_EQ(schedule(ScheduleKind::constant_with_warmup).factor(5, 10, 100), 0.5);
  EXPECT_EQ(schedule(ScheduleKind::constant_with_warmup).factor(50, 10, 100), 1.0);
}

TEST(Schedule, WarmupStepsWinOverRatioAndRatioRoundsUp) {
  TrainJob job;
  job.warmup_ratio = 0.1;
  EXPECT_EQ(warmup_updates(job, 101), 11);
  job.warmup_steps = 3;
  EXPECT_EQ(warmup_updates(job, 101), 3);
}

}  // namespace fettle
