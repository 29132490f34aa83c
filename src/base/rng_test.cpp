#include "base/rng.h"

#include <gtest/gtest.h>

#include <vector>

namespace fettle {

// Known answers of Philox4x32-10, published with the generator.
TEST(Rng, PhiloxKnownAnswers) {
  const Philox zero = philox(0, 0, 0, 0, 0);
  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
  const Philox pi = philox(0x299f31d0a4093822ull, 0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u);
  EXPECT_EQ(pi.word[0], 0xd16cfe09u);
  EXPECT_EQ(pi.word[1], 0x94fdccebu);
  EXPECT_EQ(pi.word[2], 0x5001e420u);
  EXPECT_EQ(pi.word[3], 0x24126ea1u);
}

TEST(Rng, PurposeStepAndStreamGiveOtherDraws) {
  const uint32_t base = Rng(1, Purpose::init).next_u32();
  EXPECT_EQ(base, Rng(1, Purpose::init).next_u32());
  EXPECT_NE(base, Rng(2, Purpose::init).next_u32());
  EXPECT_NE(base, Rng(1, Purpose::dropout).next_u32());
  EXPECT_NE(base, Rng(1, Purpose::init, 1).next_u32());
  EXPECT_NE(base, Rng(1, Purpose::init, 0, 1).next_u32());
}

TEST(Rng, BelowIsUniformAndInRange) {
  Rng rng(5, Purpose::shuffle);
  std::vector<int> count(7);
  for (int i = 0; i < 70000; ++i) {
    const uint32_t x = rng.below(7);
    ASSERT_LT(x, 7u);
    ++count[x];
  }
  for (int c : count) EXPECT_NEAR(c, 10000, 500);  // over five standard deviations
}

TEST(Rng, UnitFloatsFillTheInterval) {
  EXPECT_EQ(unit_float(0), 0.0f);
  EXPECT_EQ(unit_float(0xffffffffu), 1 - 0x1p-24f);
  EXPECT_EQ(unit_float(0x80000000u), 0.5f);
  EXPECT_EQ(unit_float(0xffu), 0.0f);
  EXPECT_EQ(unit_float(0x100u), 0x1p-24f);
}

// Three quarters of the range of a word: without rejection every third result would come up twice as often as
// the others, half of all draws where a third is due.
TEST(Rng, BelowHasNoBiasWhereARemainderWouldBeWorst) {
  Rng rng(5, Purpose::shuffle);
  int count[3] = {};
  for (int i = 0; i < 30000; ++i) ++count[rng.below(3u << 30) % 3];
  for (int c : count) EXPECT_NEAR(c, 10000, 500);  // six standard deviations
}

}  // namespace fettle
