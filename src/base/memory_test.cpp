#include "base/memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace fettle {

TEST(Memory, TheProcessSeesItsOwnGrowth) {
  const int64_t before = resident_memory();
  ASSERT_GT(before, 0);
  constexpr int64_t kBytes = 64 << 20;
  const std::vector<char> touched(size_t(kBytes), 1);
  EXPECT_GE(resident_memory(), before + kBytes * 9 / 10);
  EXPECT_GE(peak_memory(), before + kBytes * 9 / 10);
  EXPECT_EQ(touched.back(), 1);
}

TEST(Memory, SomethingIsAvailable) {
  EXPECT_GT(available_memory(), 1 << 20);
  EXPECT_LT(available_memory(), int64_t(1) << 50);
}

TEST(Memory, Amounts) {
  EXPECT_EQ(parse_memory("6"), int64_t(6) << 30);
  EXPECT_EQ(parse_memory("6GiB"), int64_t(6) << 30);
  EXPECT_EQ(parse_memory("0.5 gb"), 500'000'000);
  EXPECT_EQ(parse_memory("6000MB"), 6'000'000'000);
  EXPECT_EQ(parse_memory("100 B"), 100);
  for (const char* wrong : {"", "much", "6 apples", "-1", "0", "nan", "1e30"})
    EXPECT_EQ(parse_memory(wrong), std::nullopt) << wrong;
}

TEST(Memory, AsText) {
  EXPECT_EQ(memory_text(700), "0.7 KiB");
  EXPECT_EQ(memory_text(int64_t(93) << 20), "93.0 MiB");
  EXPECT_EQ(memory_text(int64_t(3) << 29), "1.5 GiB");
}

}  // namespace fettle
