// report_to: tensorboard. A listener that writes the run's scalars under the names transformers gives them.
#pragma once

#include <filesystem>
#include <optional>

#include "format/event_file.h"
#include "tune/events.h"
#include "tune/job.h"

namespace fettle {

class TensorBoard final : public RunListener {
 public:
  /// Creates a file of its own in `folder`, which is made where it is missing.
  explicit TensorBoard(const std::filesystem::path& folder);

  void on_step(const StepDone&) override;
  void on_eval(const EvalDone&) override;
  void on_finished(const RunFinished&) override;
  const std::filesystem::path& path() const { return file_.path(); }

 private:
  EventFile file_;
};

/// logging_dir, or output_dir/runs/<date>_<host> as PyTorch's writer names it.
std::filesystem::path tensorboard_folder(const TrainJob& job);

}  // namespace fettle
