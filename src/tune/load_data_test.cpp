// From names and paths to samples: what load_data does with several datasets.
#include "tune/load_data.h"

#include "base/error.h"
#include "model/model.h"
#include "tune/session.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {

class LoadDataTest : public testing::RunTest {
 protected:
  void SetUp() override {
    RunTest::SetUp();
    for (const auto& [name, count] : {std::pair{"a", 2}, {"b", 4}}) {
      std::string lines;
      for (int i = 0; i < count; ++i)
        lines +=
            nlohmann::json({{"instruction", fmt::format("{}{}", name, i)}, {"output", "x"}}).dump() + "\n";
      write_atomic(root_ / fmt::format("{}.jsonl", name), lines);
    }
  }
  TrainJob of(std::vector<std::string> names) {
    TrainJob j = job("out");
    j.data.datasets = paths(std::move(names));
    return j;
  }
  std::vector<std::string> paths(std::vector<std::string> names) {
    for (std::string& name : names) name = (root_ / (name + ".jsonl")).string();
    return names;
  }
  RunData load(const TrainJob& j) { return std::move(Session(j, events_).data); }
  /// "a1 b1 …": file and line of every sample.
  static std::string order(const Dataset& data) {
    std::string all;
    for (int64_t i = 0; i < data.size(); ++i)
      all +=
          fmt::format("{}{} ", std::filesystem::path(data.place(i).file).stem().string(), data.place(i).line);
    return all;
  }
};
}  // namespace

TEST_F(LoadDataTest, DatasetsAreMixedByTheStrategy) {
  TrainJob j = of({"a", "b"});
  EXPECT_EQ(order(load(j).train), "a1 a2 b1 b2 b3 b4 ");
  j.data.mixing.strategy = MixStrategy::interleave_under;
  EXPECT_EQ(order(load(j).train), "a1 b1 a2 b2 ");
  j.data.mixing.strategy = MixStrategy::interleave_over;
  EXPECT_EQ(order(load(j).train), "a1 b1 a2 b2 a1 b3 a2 b4 ");
  j.data.mixing.strategy = MixStrategy::interleave_once;
  const RunData once = load(j);
  EXPECT_EQ(order(once.train), "a1 b1 a2 b2 b3 b4 ");
  EXPECT_EQ(once.train.report().records, 6);
}

TEST_F(LoadDataTest, WhatIsHeldBackIsNotRepeatedInTraining) {
  TrainJob j = of({"a", "b"});
  j.data.mixing.strategy = MixStrategy::interleave_over;
  j.eval.val_size = 0.1;  // one of six
  for (j.seed = 0; j.seed < 6; ++j.seed) {
    const RunData data = load(j);
    const std::string trained = order(data.train), held = order(data.eval.at(0).data);
    EXPECT_EQ(held.size(), 3u);
    EXPECT_EQ(trained.find(held), std::string::npos) << trained << held;
  }
  j.data.datasets = paths({"one", "b"});
  write_atomic(root_ / "one.jsonl", R"({"instruction": "q", "output": "a"})");
  j.eval.val_size = 2;
  std::string error;
  for (j.seed = 0; j.seed < 20 && error.find("one.jsonl") == std::string::npos; ++j.seed)
    error = load_error(j);
  EXPECT_EQ(
      error,
      "mix_strategy: no sample of dataset one.jsonl is left to mix\n  hint: hold back fewer (val_size), "
      "or mix_strategy: concat");
}

TEST_F(LoadDataTest, EvaluationDataIsMixedUnlessEachSetIsItsOwn) {
  TrainJob j = of({"a"});
  j.eval.datasets = paths({"a", "b"});
  j.data.mixing.strategy = MixStrategy::interleave_under;
  const RunData together = load(j);
  ASSERT_EQ(together.eval.size(), 1u);
  EXPECT_EQ(order(together.eval[0].data), "a1 b1 a2 b2 ");
  j.eval.each = true;
  const RunData each = load(j);
  ASSERT_EQ(each.eval.size(), 2u);
  EXPECT_EQ(each.eval[0].name, "a.jsonl") << "a path would not do for a file's name";
  EXPECT_EQ(order(each.eval[1].data), "b1 b2 b3 b4 ");
  j.eval.datasets = paths({"a", "a"});
  EXPECT_EQ(
      load_error(j),
      "eval_dataset: two datasets to evaluate on are called a.jsonl\n  hint: with eval_on_each_dataset every "
      "result needs a name of its own; rename a file");
}

TEST_F(LoadDataTest, TheStageMustFitWhatAPathHolds) {
  TrainJob j = of({"text"});
  write_atomic(root_ / "text.jsonl", R"({"text": "one"})");
  EXPECT_EQ(load_error(j),
            (root_ / "text.jsonl").string() + ": dataset '" + (root_ / "text.jsonl").string() +
                "' holds texts without answers\n  hint: use stage: pt to train on texts; sft wants "
                "instructions with answers, or conversations");
  j = of({"a"});
  j.stage = Stage::pt;
  const std::string error = load_error(j);
  EXPECT_NE(
      error.find("holds instructions with answers, of which pre-training would take the instruction alone"),
      std::string::npos)
      << error;
}

}  // namespace fettle
