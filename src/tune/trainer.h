// The one training loop. trainer.cpp reads like the table of one sample's way through the house
// (docs/architecture.md).
#pragma once

#include <atomic>
#include <functional>
#include <string>
#include <vector>

#include "tune/events.h"
#include "tune/job.h"
#include "tune/memory_plan.h"

namespace fettle {

struct TrainResult {
  std::string output_dir, plot, log;    // empty when not written
  std::vector<std::string> eval_plots;  // one per evaluation set with two points
  std::string template_name;            // as used
  std::string base_model;
  std::vector<std::string> below;  // adapters that the trained one stands on, in order
  bool interrupted = false;
};

/// What a run will take, from a short probe of this machine: a few of its own micro-batches.
struct TimePlan {
  int64_t steps = 0;
  double seconds = 0;  // of all steps, evaluations apart
  double tokens_per_second = 0;
  int64_t evaluations = 0;
  double evaluation_seconds = 0;  // of all of them
  double probe_seconds = 0;       // what the probe itself took
};

struct RunPlan {
  MemoryPlan memory;
  int64_t full_fine_tuning = 0;  // bytes that training every parameter would take
  std::vector<Remedy> remedies;  // where it does not fit
  std::optional<TimePlan> time;  // where it does
};

/// Loads model and data and says what the run would take; nothing is written and nothing trained.
RunPlan plan_training(const TrainJob& job, RunListener& listener);

struct Session;
/// Everything up to the first step but reading weights: `show` is given model, template and data. The plan
/// has no time. Nothing is written.
RunPlan rehearse_training(const TrainJob& job, RunListener& listener,
                          const std::function<void(const Session&)>& show);

/// The memory that micro-batches of so many samples, each cut to so many tokens, take at a level.
using MemoryOf = std::function<MemoryPlan(Recompute level, int64_t batch_size, int64_t cutoff_len)>;
/// The same for jobs whose settings are still to be chosen: `choose` is given model and data of the job as it
/// is, and may ask for the memory of other batches.
void consider_training(const TrainJob& job, RunListener& listener,
                       const std::function<void(const Session&, const MemoryOf&)>& choose);

/// Runs a job to its end. `stop` (may be null) is polled after every step: true → a checkpoint is written and
/// the run ends cleanly, to be resumed bit-exactly. Errors are Error; whatever had been written before stays
/// whole.
///
/// output_dir may hold an earlier run: with job.resume_from its newest checkpoint goes on, one that has no
/// step left is finished and left as it is.
TrainResult run_training(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop);

/// Evaluates the job's model and adapters on its evaluation sets, without training: eval_results.json,
/// all_results.json and a line of the log. Stopped by `stop`, it writes nothing and returns interrupted.
TrainResult run_evaluation(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop);

}  // namespace fettle
