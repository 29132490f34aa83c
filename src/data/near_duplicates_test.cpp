#include "data/near_duplicates.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace fettle {
namespace {

std::string words(uint64_t seed, int count) {
  Rng rng(seed, Purpose::probe);
  std::string text;
  for (int i = 0; i < count; ++i) {
    for (int letter = 0; letter < 6; ++letter) text += char('a' + rng.below(26));
  }
  return text;
}

TEST(NearDuplicates, FindsTheEarlierTextThatSharesMost) {
  const std::string first = words(1, 60), other = words(2, 60);
  std::string near = first;
  near.replace(40, 6, "zzzzzz");
  const std::vector<std::string> texts = {first, other, near, words(3, 60)};
  const std::vector<NearPair> pairs = near_duplicates(texts);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].first, 0);
  EXPECT_EQ(pairs[0].second, 2);
  EXPECT_GT(pairs[0].share, 0.8);
  EXPECT_LT(pairs[0].share, 1);
}

TEST(NearDuplicates, WhatAllTextsHaveInCommonDoesNotMakeThemNear) {
  const std::string boilerplate = words(9, 400);  // 95 % of each
  std::vector<std::string> texts;
  for (uint64_t i = 0; i < 40; ++i) texts.push_back(boilerplate + words(100 + i, 20));
  EXPECT_TRUE(near_duplicates(texts).empty());
  texts.push_back(texts[7]);
  texts.back().replace(texts.back().size() - 3, 3, "zzz");
  const std::vector<NearPair> pairs = near_duplicates(texts);
  ASSERT_EQ(pairs.size(), 1u);
  EXPECT_EQ(pairs[0].first, 7);
}

TEST(NearDuplicates, ShortTextsAreLeftAlone) {
  EXPECT_TRUE(near_duplicates(std::vector<std::string>{"yes indeed", "yes indeed"}).empty());
}

}  // namespace
}  // namespace fettle
