// The one training loop. trainer.cpp reads like the table of one sample's way through the house
// (docs/architecture.md).
#pragma once

#include <atomic>
#include <string>

#include "tune/events.h"
#include "tune/job.h"

namespace fettle {

struct TrainResult {
  std::string output_dir, plot, log;  // empty when not written
  std::string template_name;          // as used
  std::string base_model;
  bool interrupted = false;
};

/// Runs a job to its end. `stop` (may be null) is polled after every step: true → a checkpoint is written and
/// the run ends cleanly, to be resumed bit-exactly. Errors are Error; whatever had been written before stays
/// whole.
TrainResult run_training(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop);

}  // namespace fettle
