#include "data/mix.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "data/split.h"

namespace fettle {
namespace {

nlohmann::json golden() {
  return nlohmann::json::parse(
      read_text(std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden/datasets.json"));
}

std::string refusal(const std::vector<int64_t>& lengths, const Mixing& mixing) {
  try {
    mixed_order(lengths, mixing, 42);
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

TEST(Mix, TheOrderIsThatOfDatasets) {
  int checked = 0;
  const nlohmann::json all = golden();
  for (const auto& row : all["mixes"]) {
    const std::vector<int64_t> lengths = row["lengths"];
    Mixing mixing{.strategy = mix_strategy(row["strategy"].get<std::string>())};
    if (!row["probabilities"].is_null())
      mixing.probabilities = row["probabilities"].get<std::vector<double>>();
    if (row["records"].is_null()) {
      EXPECT_NE(refusal(lengths, mixing), "no error") << row;
      continue;
    }
    EXPECT_EQ(mixed_order(lengths, mixing, row["seed"]), row["records"].get<std::vector<int64_t>>())
        << row["lengths"] << row["strategy"] << row["seed"];
    ++checked;
  }
  EXPECT_GE(checked, 39);
}

TEST(Mix, ConcatKeepsTheOrder) {
  EXPECT_EQ(mixed_order(std::vector<int64_t>{2, 1}, {}, 42), (std::vector<int64_t>{0, 1, 2}));
}

TEST(Mix, SharesThatDoNotFitAreRefused) {
  using enum MixStrategy;
  const std::string head = "interleave_probs: ", sum = "\n  hint: shares are probabilities that add up to 1";
  EXPECT_EQ(refusal({3, 3}, {interleave_under, {1}}),
            head + "there are 1 shares for 2 datasets\n  hint: name one for every dataset, in their order");
  EXPECT_EQ(refusal({3, 3}, {interleave_under, {0.5, 0.6}}), head + "the shares add up to 1.1" + sum);
  EXPECT_EQ(refusal({3, 3}, {interleave_under, {-0.5, 1.5}}), head + "a share is below 0" + sum);
  EXPECT_EQ(refusal({3, 3}, {interleave_once, {1, 0}}),
            head +
                "a dataset with share 0 is never read to its end, which this mix_strategy waits for\n  hint: "
                "leave the dataset out, or give it a share");
  EXPECT_EQ(
      refusal({1'000'000'000, 1}, {interleave_over, {}}),
      "mix_strategy: the mixture would take more than 100000000 turns\n  hint: mix_strategy: interleave_once "
      "or concat, or greater shares for the long datasets");
}

TEST(Mix, SamplesAreRepeatedWholeAndNothingIsForgotten) {
  const auto set = [](std::vector<std::string> texts, int skipped) {
    LoadedSamples loaded;
    for (const std::string& text : texts) loaded.samples.push_back({.prompt = {{ChatRole::user, text}}});
    loaded.skipped.resize(size_t(skipped));
    return loaded;
  };
  const LoadedSamples out =
      mixed({set({"a"}, 1), set({"x", "y", "z"}, 2)}, {MixStrategy::interleave_over, {}}, 42);
  std::string order;
  for (const Sample& sample : out.samples) order += sample.prompt.at(0).content;
  EXPECT_EQ(order, "axayaz");
  EXPECT_EQ(out.skipped.size(), 3u);
  EXPECT_EQ(out.records, 9);
}

TEST(Split, PartsAreThoseOfDatasets) {
  int checked = 0;
  const nlohmann::json all = golden();
  for (const auto& row : all["splits"]) {
    std::vector<int64_t> records;
    try {
      records = split_records(row["split"], row["count"]);
    } catch (const Error&) {
    }
    const auto wanted =
        row["records"].is_null() ? std::vector<int64_t>{} : row["records"].get<std::vector<int64_t>>();
    EXPECT_EQ(records, wanted) << row["split"] << row["count"];
    checked += !wanted.empty();
  }
  EXPECT_GE(checked, 45);
}

}  // namespace
}  // namespace fettle
