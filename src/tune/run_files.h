// The files of a run as LLaMA-Factory leaves them: a listener writes trainer_log.jsonl as it happens and
// keeps the history that trainer_state.json, the result files and the plot are made from.
#pragma once

#include <filesystem>
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

class RunFiles final : public RunListener {
 public:
  /// With resume_step > 0 the lines and history up to that step are kept (read from `checkpoint`'s
  /// trainer_state.json), later ones dropped; else both start empty.
  RunFiles(const TrainJob& job, const std::filesystem::path& checkpoint, int64_t resume_step);

  void on_started(const RunStarted&) override;
  void on_step(const StepDone&) override;
  void on_finished(const RunFinished&) override;

  const std::vector<LoggedStep>& history() const { return history_; }
  std::filesystem::path log_path() const { return output_dir_ / "trainer_log.jsonl"; }
  /// trainer_state.json as it stands at `step`.
  std::string trainer_state(int64_t step, double epoch) const;

 private:
  void write_log_line(const StepDone& e) const;

  std::filesystem::path output_dir_;
  const TrainJob& job_;
  RunStarted started_;
  RunFinished finished_;
  bool has_finished_ = false;
  std::vector<LoggedStep> history_;
};

/// "0:01:05", "1 day, 2:03:04": Python's timedelta, as the log has it.
std::string duration_text(double seconds);

}  // namespace fettle
