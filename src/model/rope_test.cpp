#include "model/rope.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fettle {
namespace {

TEST(Rope, FrequenciesFollowTheDefinition) {
  const auto f = rope_frequencies({.theta = 10000}, 8);
  ASSERT_EQ(f.size(), 4u);
  for (int j = 0; j < 4; ++j) EXPECT_DOUBLE_EQ(f[size_t(j)], std::pow(10000.0, -j / 4.0));
  const auto linear = rope_frequencies({.kind = RopeKind::linear, .theta = 10000, .factor = 4}, 8);
  for (size_t j = 0; j < 4; ++j) EXPECT_DOUBLE_EQ(linear[j], f[j] / 4);
}

// Llama 3.1's own numbers: theta 5e5, head 128, factor 8, 1 … 4, 8192.
TEST(Rope, Llama3KeepsShortWavesSlowsLongOnesAndBlends) {
  const RopeParams p{.kind = RopeKind::llama3,
                     .theta = 5e5,
                     .factor = 8,
                     .low_freq_factor = 1,
                     .high_freq_factor = 4,
                     .original_context = 8192};
  const auto scaled = rope_frequencies(p, 128), plain = rope_frequencies({.theta = 5e5}, 128);
  for (size_t j = 0; j < 64; ++j) {
    const double wave = 2 * M_PI / plain[j];
    if (wave < 8192.0 / 4) {
      EXPECT_DOUBLE_EQ(scaled[j], plain[j]) << j;
    } else if (wave > 8192) {
      EXPECT_DOUBLE_EQ(scaled[j], plain[j] / 8) << j;
    } else {
      const double s = (8192 / wave - 1) / 3;
      EXPECT_NEAR(scaled[j], plain[j] * ((1 - s) / 8 + s), 1e-15) << j;
    }
  }
  EXPECT_DOUBLE_EQ(scaled[0], plain[0]);
  EXPECT_DOUBLE_EQ(scaled[63], plain[63] / 8);
}

TEST(Rope, DivisorsOfAGgufDivide) {
  RopeParams p{.theta = 100};
  p.freq_divisors = {1, 2};
  const auto f = rope_frequencies(p, 4);
  EXPECT_DOUBLE_EQ(f[0], 1);
  EXPECT_DOUBLE_EQ(f[1], 0.1 / 2);
}

TEST(Rope, TableGrowsAndKeepsItsValues) {
  RopeCache cache({.theta = 10000}, 4);
  const RopeTable& table = cache.table();
  cache.cover(3);
  EXPECT_EQ(table.cos.cols, 2);
  EXPECT_FLOAT_EQ(table.cos.row<float>(2)[0], float(std::cos(2.0)));
  cache.cover(1000);
  ASSERT_GE(table.sin.rows, 1000);
  for (int64_t p : {0, 2, 999}) {
    EXPECT_EQ(table.sin.row<float>(p)[0], float(std::sin(double(p))));
    EXPECT_EQ(table.cos.row<float>(p)[1], float(std::cos(double(p) * 0.01)));
  }
  const void* before = table.cos.p;
  cache.cover(500);
  EXPECT_EQ(table.cos.p, before);
}

}  // namespace
}  // namespace fettle
