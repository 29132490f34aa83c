#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "infer/generate.h"

namespace fettle {

namespace {
int32_t pick(std::vector<float> logits, const SamplingOptions& options, std::vector<int32_t> seen = {},
             uint32_t draw = 0) {
  return pick_token(logits, seen, options, draw);
}

std::vector<int> histogram(const std::vector<float>& logits, const SamplingOptions& options, int draws) {
  std::vector<int> count(logits.size());
  for (int d = 0; d < draws; ++d) ++count[size_t(pick(logits, options, {}, uint32_t(d)))];
  return count;
}
}  // namespace

TEST(Sampler, GreedyTakesTheLowestIdOfATie) {
  EXPECT_EQ(pick({0, 3, 3, 1}, {.do_sample = false}), 1);
}

TEST(Sampler, FrequenciesFollowTheSoftmax) {
  const std::vector<float> logits = {0, std::log(2.f), std::log(5.f)};
  const auto count = histogram(logits, {.temperature = 1, .top_p = 1, .top_k = 0, .seed = 7}, 16000);
  EXPECT_NEAR(count[0], 2000, 200);  // 4 to 5 standard deviations
  EXPECT_NEAR(count[1], 4000, 250);
  EXPECT_NEAR(count[2], 10000, 300);
}

TEST(Sampler, TopKAndTopPCutTheTail) {
  const std::vector<float> logits = {0, std::log(2.f), std::log(5.f), -20};
  EXPECT_EQ(histogram(logits, {.temperature = 1, .top_p = 1, .top_k = 2}, 2000)[0], 0);
  // 5/8 of the mass reaches 0.6: the nucleus is the best token alone.
  const auto nucleus = histogram(logits, {.temperature = 1, .top_p = 0.6, .top_k = 0}, 2000);
  EXPECT_EQ(nucleus[2], 2000);
  const auto wider = histogram(logits, {.temperature = 1, .top_p = 0.7, .top_k = 0}, 2000);
  EXPECT_GT(wider[1], 0);
  EXPECT_EQ(wider[0], 0);
}

TEST(Sampler, TemperatureSharpens) {
  const std::vector<float> logits = {0, 1};
  const auto cold = histogram(logits, {.temperature = 0.1, .top_p = 1}, 1000);
  const auto hot = histogram(logits, {.temperature = 10, .top_p = 1}, 1000);
  EXPECT_GT(cold[1], 990);
  EXPECT_LT(hot[1], 650);
}

TEST(Sampler, RepetitionPenaltyActsOnceOnBothSigns) {
  // Positive logits are divided, negative ones multiplied; seeing a token twice changes nothing more.
  EXPECT_EQ(pick({2.f, 1.5f}, {.do_sample = false, .repetition_penalty = 1.5}, {0, 0}), 1);
  EXPECT_EQ(pick({2.f, 1.f}, {.do_sample = false, .repetition_penalty = 1.5}, {0, 0}), 0);
  EXPECT_EQ(pick({-1.f, -1.4f}, {.do_sample = false, .repetition_penalty = 1.5}, {0}), 1);
}

TEST(Sampler, TheSameSeedDrawsTheSame) {
  const std::vector<float> logits = {0, 0.1f, 0.2f, 0.3f};
  for (uint32_t d = 0; d < 20; ++d)
    EXPECT_EQ(pick(logits, {.top_p = 1, .seed = 3}, {}, d), pick(logits, {.top_p = 1, .seed = 3}, {}, d));
}

}  // namespace fettle
