// The files of a run as LLaMA-Factory leaves them: a listener writes trainer_log.jsonl as it happens and
// keeps the history that trainer_state.json, the result files and the plot are made from.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "tune/events.h"
#include "tune/job.h"

namespace fettle {

/// One logged step.
struct LoggedStep {
  int64_t step = 0;
  double epoch = 0, loss = 0, grad_norm = 0, learning_rate = 0;
  int64_t tokens_seen = 0;
};

/// The best evaluation so far, for trainer_state.json.
struct BestSoFar {
  int64_t step = -1;  // −1: none
  double metric = 0;
  std::filesystem::path checkpoint;
};

class RunFiles final : public RunListener {
 public:
  /// With resume_step > 0 the lines and history up to that step are kept (read from `checkpoint`'s
  /// trainer_state.json), later ones dropped; else both start empty. A run that only evaluates adds to what
  /// is there.
  RunFiles(const TrainJob& job, const std::filesystem::path& checkpoint, int64_t resume_step);

  void on_started(const RunStarted&) override;
  void on_step(const StepDone&) override;
  void on_eval(const EvalDone&) override;
  void on_finished(const RunFinished&) override;

  const std::vector<LoggedStep>& history() const { return history_; }
  const std::vector<EvalDone>& evaluations() const { return evaluations_; }
  std::filesystem::path log_path() const { return output_dir_ / "trainer_log.jsonl"; }
  void set_best(BestSoFar best) { best_ = std::move(best); }
  /// trainer_state.json as it stands at `step`.
  std::string trainer_state(int64_t step, double epoch) const;
  /// eval_results.json of the evaluations at `step`, which must be there, and their part of all_results.json.
  void write_eval_results(int64_t step) const;

 private:
  void read_history(const std::filesystem::path& state_file, int64_t step);
  void write_results(const char* file, const nlohmann::json& results) const;

  std::filesystem::path output_dir_;
  const TrainJob& job_;
  RunStarted started_;
  RunFinished finished_;
  bool has_finished_ = false;
  std::vector<LoggedStep> history_;
  std::vector<EvalDone> evaluations_;
  BestSoFar best_;
};

/// The step that the finished run in a folder ended at; empty where none has come to its end.
std::optional<int64_t> finished_step(const std::filesystem::path& output_dir);

/// "0:01:05", "1 day, 2:03:04": Python's timedelta, as the log has it.
std::string duration_text(double seconds);

}  // namespace fettle
