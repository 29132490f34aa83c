#include "tune/first_settings.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "tune/reach.h"

namespace fettle {

namespace {
std::vector<int64_t> lengths(size_t count, int64_t tokens, std::vector<int64_t> longer = {}) {
  std::vector<int64_t> all(count - longer.size(), tokens);
  all.insert(all.end(), longer.begin(), longer.end());
  return all;
}
constexpr auto kPlenty = [](Recompute, int64_t, int64_t) { return true; };
constexpr int64_t kContext = 8192;
}  // namespace

TEST(FirstSettings, CutoffLosesNothingButWhatIsFarLonger) {
  EXPECT_EQ(first_settings(lengths(50, 100), kContext, kPlenty).cutoff_len, 128);
  EXPECT_EQ(first_settings(lengths(50, 10), kContext, kPlenty).cutoff_len, 64);
  const FirstSettings all = first_settings(lengths(200, 300, {1000}), kContext, kPlenty);
  EXPECT_EQ(all.cutoff_len, 1024);
  EXPECT_EQ(all.cut, 0);
  const FirstSettings most = first_settings(lengths(200, 300, {1300}), kContext, kPlenty);
  EXPECT_EQ(most.cutoff_len, 320) << "one sample is more than four times what the others have";
  EXPECT_EQ(most.cut, 1);
  EXPECT_EQ(most.longest, 1300);
  const FirstSettings model = first_settings(lengths(50, 300), 256, kPlenty);
  EXPECT_EQ(model.cutoff_len, 256) << "the model's context";
  EXPECT_EQ(model.cut, 50);
}

TEST(FirstSettings, AnUpdateHasItsSamplesHoweverTheyAreSplit) {
  const FirstSettings roomy = first_settings(lengths(1000, 100), kContext, kPlenty);
  EXPECT_EQ(roomy.batch_size, 8);
  EXPECT_EQ(roomy.accumulation, 1);
  const auto two = [](Recompute level, int64_t batch, int64_t) {
    return level == Recompute::none && batch <= 2;
  };
  const FirstSettings tight = first_settings(lengths(1000, 100), kContext, two);
  EXPECT_EQ(tight.batch_size, 2);
  EXPECT_EQ(tight.accumulation, 4);
  EXPECT_EQ(tight.recompute, Recompute::none);
  const FirstSettings long_ones = first_settings(lengths(1000, 1500), kContext, kPlenty);
  EXPECT_EQ(long_ones.batch_size, 2) << "two of 1500 tokens keep the cores busy";
  EXPECT_EQ(long_ones.accumulation, 4);
}

TEST(FirstSettings, WhereMemoryIsShortItIsRecomputedAndThenCut) {
  const auto block = [](Recompute level, int64_t batch, int64_t) {
    return level == Recompute::block && batch == 1;
  };
  EXPECT_EQ(first_settings(lengths(1000, 500), kContext, block).recompute, Recompute::block);
  EXPECT_EQ(first_settings(lengths(1000, 500), kContext, block).cutoff_len, 512);
  const auto shorter = [](Recompute, int64_t batch, int64_t cutoff) { return batch * cutoff <= 128; };
  const FirstSettings cut = first_settings(lengths(1000, 500), kContext, shorter);
  EXPECT_TRUE(cut.fits);
  EXPECT_EQ(cut.cutoff_len, 128);
  EXPECT_EQ(cut.batch_size, 1);
  EXPECT_EQ(cut.cut, 1000);
  const auto nothing = [](Recompute, int64_t, int64_t) { return false; };
  EXPECT_FALSE(first_settings(lengths(1000, 500), kContext, nothing).fits);
}

TEST(FirstSettings, RunsOfEverySizeMoveFarEnough) {
  for (const size_t samples : {10u, 50u, 94u, 300u, 1000u, 5000u, 50'000u}) {
    const FirstSettings s = first_settings(lengths(samples, 100), kContext, kPlenty);
    EXPECT_EQ(reach_warning(s.learning_rate, s.updates), "") << samples;
    EXPECT_EQ(s.val_size > 0, samples >= 100) << samples;
    EXPECT_GE(s.updates, 20) << samples;
  }
  EXPECT_EQ(first_settings(lengths(10, 100), kContext, kPlenty).updates, 30) << "10 epochs of 3 updates";
  EXPECT_EQ(first_settings(lengths(50'000, 100), kContext, kPlenty).updates, 1485) << "95 % of them, 32 each";
  EXPECT_GT(first_settings(lengths(10, 100), kContext, kPlenty).learning_rate,
            first_settings(lengths(5000, 100), kContext, kPlenty).learning_rate);
}

}  // namespace fettle
