#include "base/run_clock.h"

#include <gtest/gtest.h>

#include <thread>

namespace fettle {

TEST(RunningTime, LeavesOutWhatNobodyTickedThrough) {
  RunningTime time(100);
  time.tick(100.25);
  time.tick(101.0);  // late by less than the limit: a busy machine, still time that ran
  EXPECT_DOUBLE_EQ(time.at(101.5), 1.5);
  EXPECT_DOUBLE_EQ(time.at(4000), 3);  // asked before the first tick after a stop
  time.tick(4000);
  EXPECT_DOUBLE_EQ(time.at(4000.5), 3.5);
}

TEST(RunClock, RunsOnAndNeverBack) {
  const RunClock::Span span;
  double last = RunClock::now();
  for (int i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    const double now = RunClock::now();
    EXPECT_GT(now, last);
    last = now;
  }
  EXPECT_GE(span.seconds(), 0.5);
}

}  // namespace fettle
