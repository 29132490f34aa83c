// One training run, in five files: run_start.cpp makes and resumes it, trainer.cpp is its loop, run_eval.cpp
// evaluates, run_end.cpp leaves its results, run_plan.cpp says beforehand what it would take.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "model/lora_stack.h"
#include "model/network.h"
#include "tune/cadence.h"
#include "tune/checkpoint.h"
#include "tune/evaluation.h"
#include "tune/memory_plan.h"
#include "tune/objective/cross_entropy.h"
#include "tune/optim/optimizer.h"
#include "tune/pace.h"
#include "tune/run_files.h"
#include "tune/session.h"
#include "tune/tensorboard.h"
#include "tune/trainer.h"

namespace fettle {

/// One run: its parts in the order they are made, then the loop.
class Run {
 public:
  Run(const TrainJob& job, RunListener& listener);
  /// From here on the run leaves something behind. Error, and nothing written, when it does not fit into
  /// memory or its folder cannot be made.
  void begin();
  TrainResult train(const std::atomic<bool>* stop);
  /// Writes nothing; afterwards the adapter is no longer fit for training.
  RunPlan plan();
  /// The memory alone.
  RunPlan rehearse() const;
  /// The memory of other micro-batches.
  MemoryPlan memory_of(Recompute level, int64_t batch_size, int64_t cutoff_len) const {
    return planner_->plan(level, batch_shape(session_.data.train, batch_size, cutoff_len));
  }
  const Session& session() const { return session_; }

 private:
  struct StepSums {
    double loss = 0;
    int64_t tokens = 0, targets = 0;
    std::vector<int64_t> unusable;  // samples with a log-probability that is not finite
  };

  // ── run_start.cpp: making ──
  std::unique_ptr<LoraAdapter> make_adapter();
  std::unique_ptr<AdapterStack> make_stack() const;
  void plan_memory();
  void plan_steps();
  RunState state_now() const;
  void resume();
  void announce();

  // ── trainer.cpp: the loop ──
  bool run_steps(const std::atomic<bool>* stop);
  void gather(int64_t step, int64_t micro, Batch& batch);
  StepSums accumulate(int64_t step);
  double train_batch(const Batch& batch, int64_t step);
  BatchView view_of(const Batch& batch, const Segment& whole, int64_t step) const;
  void require_reading(double first_loss);
  void require_finite(int64_t step, const StepSums& sums, double norm);
  std::string first_non_finite(int64_t step, bool in_loss);
  void report(int64_t step, const StepSums& sums, double lr, double grad_norm);
  bool settle(int64_t step, const std::atomic<bool>* stop);
  void save_state(int64_t step);

  // ── run_eval.cpp: evaluations ──
  void require_metric() const;
  bool evaluates_after(int64_t step) const;
  bool evaluated(int64_t step) const;
  bool evaluate(int64_t step, const std::atomic<bool>* stop);
  bool evaluate_first(const std::atomic<bool>* stop);
  bool evaluate_at_end(const std::atomic<bool>* stop);
  bool note_best(int64_t step);

  // ── run_plan.cpp: before it starts ──
  TimePlan probe();
  int64_t planned_evaluations() const;
  double micro_batch_seconds(int64_t index);

  // ── run_end.cpp: what is left ──
  void load_best();
  void plot(TrainResult& result);
  void finish(double seconds, bool interrupted);
  TrainResult result(bool interrupted) const;

  /// What the network computes with: the trained adapter, or its sum with those below.
  LoraAdapter& whole_adapter() const { return stack_ ? stack_->sum() : *adapter_; }
  void publish() const {
    if (stack_) stack_->publish();
  }
  double epoch_at(int64_t step) const { return double(step) / double(steps_per_epoch_); }
  double seconds_left(int64_t step) const {
    return pace_.left(total_steps_ - step, evaluating_->left_after(step));
  }
  double tokens_per_second() const {
    const double seconds = pace_.in_steps();
    return seconds > 0 ? double(state_.tokens_seen - tokens_at_start_) / seconds : 0;
  }

  const TrainJob& job_;
  Fanout listeners_;
  Session session_;
  std::unique_ptr<LoraAdapter> adapter_;    // the trained one
  std::unique_ptr<AdapterStack> stack_;     // null unless it stands on others
  std::unique_ptr<Evaluation> evaluation_;  // null without evaluation sets
  std::optional<MemoryPlanner> planner_;
  MemoryPlan memory_;
  std::unique_ptr<Network> network_;
  Optimizer optimizer_;
  CrossEntropy objective_;
  int64_t batches_per_epoch_ = 0, steps_per_epoch_ = 0, total_steps_ = 0, warmup_ = 0;
  std::optional<Timetable> logging_, evaluating_, saving_;
  int64_t epoch_of_order_ = -1;
  std::vector<int64_t> order_;
  std::vector<Batch> batches_;
  std::vector<float> logprob_;
  RunState state_;
  std::filesystem::path checkpoint_;  // resumed from
  std::unique_ptr<RunFiles> files_;
  std::optional<TensorBoard> tensorboard_;
  Pace pace_;
  double started_at_ = 0;
  int64_t tokens_at_start_ = 0, step_at_start_ = 0, last_saved_ = -1;
};

}  // namespace fettle
