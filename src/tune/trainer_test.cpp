// Whole runs on a tiny random model: what is learnt, written, resumed, and independent of threads and of when
// it died.
#include "tune/trainer.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "model/model_testing.h"
#include "tune/checkpoint.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using testing::TestFolder;

class Recorder final : public RunListener {
 public:
  void on_note(const Note& e) override { notes.push_back(e.text); }
  void on_step(const StepDone& e) override {
    losses.push_back(e.step_loss);
    if (e.step == stop_at) stop = true;
  }
  void on_checkpoint(const CheckpointSaved& e) override { saved.push_back(e.step); }
  std::vector<std::string> notes;
  std::vector<double> losses;
  std::vector<int64_t> saved;
  int64_t stop_at = -1;
  std::atomic<bool> stop{false};
};

class TrainerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, root_ / file);
    testing::TinyModel tiny;
    tiny.config["vocab_size"] = 448;
    testing::write_hf(root_, tiny);
    json records = json::array();
    for (int i = 0; i < 14; ++i)
      records.push_back({{"instruction", "count to " + std::to_string(i)},
                         {"input", ""},
                         {"output", std::string(1 + i % 5, 'a')}});
    write_atomic(root_ / "data.json", records.dump());
    write_atomic(root_ / "dataset_info.json", R"({"tiny": {"file_name": "data.json"}})");
  }

  TrainJob job(const std::string& out) {
    TrainJob j;
    j.model = {
        .model = fs::path(root_).string(), .template_name = "alpaca", .compute = DType::f32, .threads = 2};
    j.lora = {.rank = 4, .alpha = 8, .dropout = 0.1};
    j.data.dataset_dir = root_;
    j.data.datasets = {"tiny"};
    j.output_dir = root_ / out;
    j.batch_size = 2;
    j.accumulation = 2;
    j.max_steps = 9;
    j.learning_rate = 5e-3;
    j.logging_steps = 2;
    j.save_steps = 2;
    return j;
  }
  std::string adapter_bytes(const std::string& out) {
    return read_text(root_ / out / "adapter_model.safetensors");
  }

  TestFolder root_{"trainer"};
  Recorder events_;
};
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
  EXPECT_EQ(events_.saved.size(), 20u);
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

// A full disk at any write: the error says so, and a resumed run comes to the same bits.
TEST_F(TrainerTest, AFailedWriteLosesNothing) {
  run_training(job("whole"), events_, nullptr);
  for (int failing = 1; failing < 60; failing += 7) {
    const std::string out = "full" + std::to_string(failing);
    TrainJob j = job(out);
    j.resume_from = "auto";
    int writes = 0;
    set_write_fault([&](const fs::path& p) {
      if (++writes == failing) throw Error({.what = "no space left", .where = p.string()});
    });
    EXPECT_THROW(run_training(j, events_, nullptr), Error) << failing;
    set_write_fault({});
    run_training(j, events_, nullptr);
    EXPECT_EQ(adapter_bytes(out), adapter_bytes("whole")) << failing;
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
  const fs::path state = root_ / "out" / "checkpoint-8" / "fettle_state.json";
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

TEST_F(TrainerTest, SaveTotalLimitKeepsTheNewest) {
  TrainJob j = job("out");
  j.save_total_limit = 2;
  run_training(j, events_, nullptr);
  const auto left = checkpoints(root_ / "out");
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0].filename(), "checkpoint-6");
  EXPECT_EQ(left[1].filename(), "checkpoint-8");
}

TEST_F(TrainerTest, OverwritingStartsAfresh) {
  run_training(job("out"), events_, nullptr);
  TrainJob j = job("out");
  j.overwrite_output_dir = true;
  j.save_steps = 0;
  Recorder again;
  run_training(j, again, nullptr);
  EXPECT_EQ(again.losses.size(), 9u);
  EXPECT_TRUE(checkpoints(root_ / "out").empty());
}

TEST_F(TrainerTest, ContinuingAnAdapterStartsFromIt) {
  run_training(job("first"), events_, nullptr);
  TrainJob j = job("second");
  j.model.adapters = {(root_ / "first").string()};
  j.data.shuffle = false;
  Recorder again;
  run_training(j, again, nullptr);
  EXPECT_LT(again.losses.front(), 0.9 * events_.losses.front());
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
