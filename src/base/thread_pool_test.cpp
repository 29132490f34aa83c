#include "base/thread_pool.h"

#include <gtest/gtest.h>
#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace fettle {

TEST(ThreadPool, RunsEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    std::vector<int> hits(1000);
    for (int round = 0; round < 50; ++round)
      pool.parallel_for(1000, [&](int64_t i, int thread) {
        ASSERT_LT(thread, threads);
        ++hits[size_t(i)];
      });
    for (int h : hits) ASSERT_EQ(h, 50);
  }
}

// Short loops catch threads spinning, long pauses catch them asleep; more threads than cores come late.
TEST(ThreadPool, EveryLoopIsDoneWhenItReturns) {
  for (int threads : {2, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 3000; ++round) {
      std::atomic<int64_t> sum{0};
      pool.parallel_for(2 + round % 5, [&](int64_t i, int thread) {
        // Time for others to join, and then to be waited for.
        if (round % 100 == 0)
          std::this_thread::sleep_for(std::chrono::microseconds(thread == 0 ? 200 : 2000));
        sum += i + 1;
      });
      const int64_t n = 2 + round % 5;
      ASSERT_EQ(sum, n * (n + 1) / 2);
      if (round % 1000 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }
}

TEST(ThreadPool, AnEmptyLoopDoesNothing) {
  ThreadPool pool(2);
  pool.parallel_for(0, [](int64_t, int) { FAIL(); });
}

#if defined(__x86_64__)
TEST(ThreadPool, WorkersShareTheCallersFloatingPointMode) {
  ThreadPool pool(3);
  const unsigned before = _mm_getcsr(), flush = before | 0x8000;
  _mm_setcsr(flush);
  std::atomic<int> same{0};
  pool.parallel_for(64, [&](int64_t, int) { same += (_mm_getcsr() & 0x8000) != 0; });
  _mm_setcsr(before);
  EXPECT_EQ(same, 64);
}
#endif

}  // namespace fettle
