// The event stream of a run. Progress line, trainer_log.jsonl, trainer_state.json and (later) the web page
// listen to it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/listener.h"

namespace fettle {

struct RunStarted {
  int64_t trainable_params = 0, all_params = 0;
  int64_t samples = 0, total_steps = 0, start_step = 0;
  double steps_per_epoch = 0;
  int64_t batch_size = 1, accumulation = 1;
  int64_t logging_steps = 500, eval_steps = 500, save_steps = 500;  // shares counted out
  std::string compute, isa;                                         // "bf16", "avx512bf16"
  int threads = 1;
};

/// One optimizer step. `logged` every logging_steps: then loss is the mean since the last logged step.
struct StepDone {
  int64_t step = 0, total_steps = 0;
  double epoch = 0;
  double step_loss = 0;        // this step's loss per target
  std::optional<double> loss;  // mean since the last logged step
  double learning_rate = 0;    // after the step, as HF logs it
  double grad_norm = 0;        // before clipping
  int64_t tokens_seen = 0, targets_seen = 0;
  double seconds = 0;            // since this process began to train
  double tokens_per_second = 0;  // of this process's steps
  double seconds_left = 0;       // of steps and evaluations
};

/// The result of one set of samples that are not trained on.
struct EvalDone {
  int64_t step = 0, total_steps = 0;  // 0 and 0 in a run that only evaluates
  double epoch = 0;
  std::string set;  // "" where there is one set for all
  double loss = 0;
  double runtime = 0, samples_per_second = 0, steps_per_second = 0;
  int64_t samples = 0, tokens_seen = 0;
  double seconds = 0, tokens_per_second = 0, seconds_left = 0;  // as StepDone

  /// "eval", or "eval_<set>": what its metrics' names begin with.
  std::string prefix() const { return set.empty() ? "eval" : "eval_" + set; }
};

struct CheckpointSaved {
  int64_t step = 0;
  std::string path;
};

struct RunFinished {
  int64_t steps = 0;
  double epoch = 0, train_loss = 0, seconds = 0, samples_per_second = 0, steps_per_second = 0,
         tokens_per_second = 0;
  int64_t tokens_seen = 0;
  double total_flos = 0;
  int64_t peak_memory = 0;   // bytes of this process in memory, at the most
  bool interrupted = false;  // stopped by a signal after a checkpoint
};

class RunListener : public Listener {
 public:
  virtual void on_started(const RunStarted&) {}
  virtual void on_step(const StepDone&) {}
  virtual void on_eval(const EvalDone&) {}
  virtual void on_checkpoint(const CheckpointSaved&) {}
  virtual void on_finished(const RunFinished&) {}
};

/// Hands every event to several listeners in order.
class Fanout final : public RunListener {
 public:
  void add(RunListener& listener) { listeners_.push_back(&listener); }
  void on_note(const Note& e) override {
    for (auto* l : listeners_) l->on_note(e);
  }
  void on_progress(const Progress& e) override {
    for (auto* l : listeners_) l->on_progress(e);
  }
  void on_started(const RunStarted& e) override {
    for (auto* l : listeners_) l->on_started(e);
  }
  void on_step(const StepDone& e) override {
    for (auto* l : listeners_) l->on_step(e);
  }
  void on_eval(const EvalDone& e) override {
    for (auto* l : listeners_) l->on_eval(e);
  }
  void on_checkpoint(const CheckpointSaved& e) override {
    for (auto* l : listeners_) l->on_checkpoint(e);
  }
  void on_finished(const RunFinished& e) override {
    for (auto* l : listeners_) l->on_finished(e);
  }

 private:
  std::vector<RunListener*> listeners_;
};

}  // namespace fettle
