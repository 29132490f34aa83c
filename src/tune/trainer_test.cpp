// Whole runs on a tiny random model: what is learnt, written, resumed, and independent of threads and of when
// it died.
#include "tune/trainer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "tune/checkpoint.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;

using testing::Recorder;

class TrainerTest : public testing::RunTest {};
}  // namespace

TEST_F(TrainerTest, LearnsAndLeavesItsFiles) {
  TrainJob j = job("out");
  j.max_steps = 40;
  const TrainResult result = run_training(j, events_, nullptr);
  EXPECT_LT(events_.losses.back(), 0.5 * events_.losses.front());
  for (const char* file :
       {"adapter_config.json", "adapter_model.safetensors", "trainer_log.jsonl", "trainer_state.json",
        "train_results.json", "all_results.json", "training_loss.png"})
    EXPECT_TRUE(fs::exists(root_ / "out" / file)) << file;
  EXPECT_EQ(events_.saved.size(), 20u);  // every second step, the last among them
  EXPECT_EQ(result.template_name, "alpaca");
  const json state = json::parse(read_text(root_ / "out" / "trainer_state.json"));
  EXPECT_EQ(state["log_history"].size(), 21u);  // 20 logged losses and the summary
}

TEST_F(TrainerTest, TheNumberOfThreadsChangesNothing) {
  TrainJob one = job("one"), two = job("two");
  one.model.threads = 1;
  run_training(one, events_, nullptr);
  run_training(two, events_, nullptr);
  EXPECT_EQ(adapter_bytes("one"), adapter_bytes("two"));
}

TEST_F(TrainerTest, AStoppedRunResumesWithTheSameBits) {
  run_training(job("whole"), events_, nullptr);
  for (int64_t at : {1, 4, 7}) {
    const std::string out = "stopped" + std::to_string(at);
    Recorder first, second;
    first.stop_at = at;
    TrainJob j = job(out);
    EXPECT_TRUE(run_training(j, first, &first.stop).interrupted);
    EXPECT_FALSE(fs::exists(root_ / out / "adapter_model.safetensors"));
    j.resume_from = "auto";
    EXPECT_FALSE(run_training(j, second, nullptr).interrupted);
    EXPECT_EQ(int64_t(second.losses.size()), 9 - at);
    EXPECT_EQ(adapter_bytes(out), adapter_bytes("whole"));
    EXPECT_EQ(read_text(root_ / out / "train_results.json").empty(), false);
  }
}

TEST_F(TrainerTest, ResumingWithOtherSettingsIsRefusedByName) {
  run_training(job("out"), events_, nullptr);
  TrainJob j = job("out");
  j.resume_from = "auto";
  j.batch_size = 3;
  j.seed = 7;
  try {
    run_training(j, events_, nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("per_device_train_batch_size: the checkpoint has 2, this run has 3"),
              std::string::npos)
        << e.message();
    EXPECT_NE(e.message().find("seed"), std::string::npos);
  }
}

TEST_F(TrainerTest, ANewerOrDamagedCheckpointIsRefused) {
  run_training(job("out"), events_, nullptr);
  const fs::path state = root_ / "out" / "checkpoint-9" / "fettle_state.json";
  json doc = json::parse(read_text(state));
  doc["version"] = kCheckpointVersion + 1;
  write_atomic(state, doc.dump());
  TrainJob j = job("out");
  j.resume_from = "auto";
  EXPECT_THROW(run_training(j, events_, nullptr), Error);
  doc["version"] = kCheckpointVersion;
  doc.erase("seed");
  write_atomic(state, doc.dump());
  EXPECT_THROW(run_training(j, events_, nullptr), Error);
}

TEST_F(TrainerTest, AStateThatNoRunWasEverInIsRefused) {
  run_training(job("out"), events_, nullptr);
  const fs::path folder = root_ / "out" / "checkpoint-9";
  const json whole = json::parse(read_text(folder / "fettle_state.json"));
  EXPECT_EQ(load_run_state(folder).step, 9);
  const std::pair<const char*, json> spoiled[] = {
      {"step", -1},     {"step", 1.5},       {"step", true},      {"step", 0xFFFFFFFFFFFFFFFFu},
      {"seed", -1},     {"tokens_seen", -1}, {"logged_step", 10}, {"best_step", 10},
      {"best_step", -2}};
  for (const auto& [key, value] : spoiled) {
    json doc = whole;
    doc[key] = value;
    write_atomic(folder / "fettle_state.json", doc.dump());
    try {
      load_run_state(folder);
      ADD_FAILURE() << key << ' ' << value;
    } catch (const Error& e) {
      EXPECT_NE(e.message().find(key), std::string::npos) << e.message();
    }
  }
}

// Every second step, and the last.
TEST_F(TrainerTest, SaveTotalLimitKeepsTheNewest) {
  TrainJob j = job("out");
  j.save_total_limit = 2;
  run_training(j, events_, nullptr);
  EXPECT_EQ(events_.saved, (std::vector<int64_t>{2, 4, 6, 8, 9}));
  const auto left = checkpoints(root_ / "out");
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].filename(), "checkpoint-8");
  EXPECT_EQ(left[1].filename(), "checkpoint-9");
}

TEST_F(TrainerTest, OverwritingStartsAfresh) {
  run_training(job("out"), events_, nullptr);
  TrainJob j = job("out");
  j.overwrite_output_dir = true;
  j.saving = {};
  Recorder again;
  run_training(j, again, nullptr);
  EXPECT_EQ(again.losses.size(), 9u);
  EXPECT_TRUE(checkpoints(root_ / "out").empty());
}

// Started once more, a finished run says so and stays as it is; with more steps it goes on.
TEST_F(TrainerTest, AFinishedRunIsLeftAsItIs) {
  TrainJob j = job("out");
  j.resume_from = "auto";
  run_training(j, events_, nullptr);
  const std::string results = read_text(root_ / "out" / "train_results.json");
  Recorder again;
  EXPECT_FALSE(run_training(j, again, nullptr).interrupted);
  EXPECT_TRUE(again.losses.empty());
  EXPECT_TRUE(again.saved.empty());
  EXPECT_EQ(read_text(root_ / "out" / "train_results.json"), results);
  ASSERT_FALSE(again.notes.empty());
  EXPECT_NE(again.notes.back().find("nothing is left to do"), std::string::npos) << again.notes.back();
  j.max_steps = 11;
  Recorder more;
  run_training(j, more, nullptr);
  EXPECT_EQ(more.losses.size(), 2u);
  EXPECT_NE(read_text(root_ / "out" / "train_results.json"), results);
}

// Died between its last checkpoint and its results: the rest is made up for.
TEST_F(TrainerTest, AnUnfinishedEndIsMadeUpFor) {
  run_training(job("out"), events_, nullptr);
  const std::string adapter = adapter_bytes("out");
  for (const char* file : {"trainer_state.json", "adapter_model.safetensors", "training_loss.png"})
    fs::remove(root_ / "out" / file);
  TrainJob j = job("out");
  j.resume_from = "auto";
  Recorder again;
  run_training(j, again, nullptr);
  EXPECT_TRUE(again.losses.empty());
  EXPECT_EQ(adapter_bytes("out"), adapter);
  EXPECT_TRUE(fs::exists(root_ / "out" / "training_loss.png"));
  const json results = json::parse(read_text(root_ / "out" / "train_results.json"));
  EXPECT_EQ(results["epoch"], 9.0 / 4);  // 14 samples: 7 batches, 4 steps an epoch
  EXPECT_GT(results["train_loss"], 0);
}

TEST_F(TrainerTest, AnUnknownDatasetIsNamed) {
  TrainJob j = job("out");
  j.data.datasets = {"tinny"};
  try {
    run_training(j, events_, nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("tinny"), std::string::npos);
    EXPECT_NE(e.message().find("tiny"), std::string::npos);
  }
}

TEST_F(TrainerTest, PretrainingLearnsToo) {
  TrainJob j = job("out");
  j.stage = Stage::pt;
  j.data.packing = true;
  j.data.cutoff_len = 32;
  j.batch_size = 1;
  j.accumulation = 1;
  j.max_steps = 30;
  run_training(j, events_, nullptr);
  EXPECT_LT(events_.losses.back(), events_.losses.front());
}

}  // namespace fettle
