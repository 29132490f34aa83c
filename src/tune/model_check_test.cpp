#include "tune/model_check.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "model/model_testing.h"
#include "tune/load_data.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
constexpr int64_t kParameters = 135'000'000;

ModelCheck healthy() {
  return {.passages = {{.language = "English", .bits = 0.97, .shuffled = 2.2, .chance = 3.5},
                       {.language = "Chinese", .bits = 2.6, .shuffled = 9.2, .chance = 9.6}},
          .alternatives = {{"rotary base 1000 (the model says 10000)", 0.96}},
          .bound = bits_bound(kParameters)};
}
}  // namespace

TEST(ModelCheck, AHealthyModelIsJudgedByItsBestLanguage) {
  EXPECT_EQ(healthy().best().language, "English");
  EXPECT_TRUE(findings(healthy(), kParameters).empty());
}

TEST(ModelCheck, FiguresNearChanceAreSaidSo) {
  ModelCheck check = healthy();
  for (PassageResult& p : check.passages) p.bits = 0.9 * p.chance;
  const auto found = findings(check, kParameters);
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0],
            "the model predicts text no better than chance: 3.15 bits per byte where guessing gives 3.50");
}

TEST(ModelCheck, MoreBitsThanAModelOfItsSizeNeeds) {
  ModelCheck check = healthy();
  check.passages[0].bits = 1.55;
  check.alternatives[0].bits = 1.4;  // better, and still not right
  const auto found = findings(check, kParameters);
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(
      found[0],
      "the model reads far worse than one of 135 million parameters does: 1.55 bits per byte in its best "
      "language (English), at most 1.30 expected");
}

TEST(ModelCheck, AConstantThatReadsClearlyBetterIsNamed) {
  ModelCheck check = healthy();
  check.alternatives[0].bits = 0.94;
  const auto found = findings(check, kParameters);
  ASSERT_EQ(found.size(), 1);
  EXPECT_EQ(
      found[0],
      "it reads better with rotary base 1000 (the model says 10000): 0.940 bits per byte instead of 0.970");
}

TEST(ModelCheck, SmallModelsMayNeedMore) {
  EXPECT_DOUBLE_EQ(bits_bound(100'000'000), bits_bound(7'000'000'000));
  EXPECT_NEAR(bits_bound(10'000'000) - bits_bound(100'000'000), 0.4, 1e-12);
}

// A random model guesses: its figures lie at chance whatever the order of the tokens, and it is told.
TEST(ModelCheck, ARandomModelReadsNothing) {
  const testing::TestFolder root("model_check");
  for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
    std::filesystem::copy_file(
        std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer" / file, root / file);
  testing::TinyModel tiny;
  tiny.config["vocab_size"] = load_tokenizer(root)->vocab_size();
  testing::write_hf(root, tiny);
  Listener silent;
  const auto model = Model::load(root, silent);
  const auto ops = make_cpu_ops({.isa = choose_isa(), .threads = 2});
  const ModelCheck check = check_model(model, *tokenizer_of(*model), *ops, DType::f32, silent);
  ASSERT_EQ(check.passages.size(), 3);
  EXPECT_EQ(check.passages[2].language, "Chinese");
  for (const PassageResult& p : check.passages) {
    EXPECT_NEAR(p.bits, p.chance, 0.25 * p.chance) << p.language;
    EXPECT_NEAR(p.bits, p.shuffled, 0.1 * p.bits) << p.language;
  }
  EXPECT_EQ(check.alternatives.size(), 7);  // its epsilon is one of the two
  ASSERT_FALSE(check.sound());
  EXPECT_NE(check.findings[0].find("no better than chance"), std::string::npos) << check.findings[0];
}

using ModelCheckRunTest = testing::RunTest;

TEST_F(ModelCheckRunTest, ARunOnABaseThatReadsNothingStopsAtItsFirstStep) {
  TrainJob j = job("stopped");
  j.check_model = true;
  try {
    run_training(j, events_, nullptr);
    FAIL() << "it ran";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("no better than chance"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("check_model: false"), std::string::npos) << e.message();
  }
  EXPECT_TRUE(events_.losses.empty());
}

}  // namespace fettle
