// Whole runs on a tiny random model, for tests.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "model/model_testing.h"
#include "tune/session.h"
#include "tune/trainer.h"

namespace fettle::testing {

class Recorder final : public RunListener {
 public:
  void on_note(const Note& e) override { notes.push_back(e.text); }
  void on_step(const StepDone& e) override {
    losses.push_back(e.step_loss);
    if (e.step == stop_at) stop = true;
  }
  void on_eval(const EvalDone& e) override { evals.push_back(e); }
  void on_progress(const Progress& e) override {
    if (e.task.starts_with("Evaluating") && e.done == 0 && ++evaluations == stop_in_evaluation) stop = true;
  }
  void on_checkpoint(const CheckpointSaved& e) override { saved.push_back(e.step); }
  std::vector<std::string> notes;
  std::vector<double> losses;
  std::vector<int64_t> saved;
  std::vector<EvalDone> evals;
  int64_t stop_at = -1, stop_in_evaluation = -1, evaluations = 0;
  std::atomic<bool> stop{false};
};

/// A tiny random model with a tokenizer and 14 short samples in one folder.
class RunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path tokenizer =
        std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      std::filesystem::copy_file(tokenizer / file, root_ / file);
    TinyModel tiny;
    tiny.config["vocab_size"] = load_tokenizer(root_)->vocab_size();
    write_hf(root_, tiny);
    nlohmann::json records = nlohmann::json::array();
    for (int i = 0; i < 14; ++i)
      records.push_back({{"instruction", "count to " + std::to_string(i)},
                         {"input", ""},
                         {"output", std::string(1 + i % 5, 'a')}});
    write_atomic(root_ / "data.json", records.dump(1));  // a line of its own for every record
    write_atomic(root_ / "dataset_info.json", R"({"tiny": {"file_name": "data.json"}})");
  }

  TrainJob job(const std::string& out) {
    TrainJob j;
    j.model = {.model = std::filesystem::path(root_).string(),
               .template_name = "alpaca",
               .compute = DType::f32,
               .threads = 2};
    j.lora = {.rank = 4, .alpha = 8, .dropout = 0.1};
    j.data.dataset_dir = root_;
    j.data.datasets = {"tiny"};
    j.output_dir = root_ / out;
    j.batch_size = 2;
    j.accumulation = 2;
    j.max_steps = 9;
    j.learning_rate = 5e-3;
    j.check_model = false;  // a random model reads nothing
    j.logging = {Cadence::Unit::steps, 2};
    j.saving = {Cadence::Unit::steps, 2};
    return j;
  }
  /// What a run that cannot load its model or data says; "no error" when it can.
  std::string load_error(const TrainJob& j) {
    try {
      Session(j, events_);
    } catch (const Error& e) {
      return e.message();
    }
    return "no error";
  }
  std::string adapter_bytes(const std::string& out) {
    return read_text(root_ / out / "adapter_model.safetensors");
  }

  TestFolder root_{"trainer"};
  Recorder events_;
};

}  // namespace fettle::testing
