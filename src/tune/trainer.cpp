#include "tune/trainer.h"

#include <cmath>

#include "base/error.h"
#include "base/run_clock.h"
#include "tune/non_finite.h"
#include "tune/run.h"
#include "tune/schedule/schedule.h"

namespace fettle {

// The steps that are left. True: stopped before the last.
bool Run::run_steps(const std::atomic<bool>* stop) {
  const ScheduleRow& rates = schedule(job_.schedule);
  for (int64_t step = state_.step; step < total_steps_; ++step) {
    const RunClock::Span span;
    const StepSums sums = accumulate(step);
    require_finite(step, sums, /*norm=*/0);
    if (step == 0) require_reading(sums.loss);
    const double lr = job_.learning_rate * rates.factor(step, warmup_, total_steps_);
    const double norm = optimizer_.step(*session_.ops, adapter_->params(), adapter_->grads(), lr);
    require_finite(step, sums, norm);
    publish();
    pace_.step(span.seconds());
    report(step + 1, sums, job_.learning_rate * rates.factor(step + 1, warmup_, total_steps_), norm);
    if (settle(step + 1, stop)) return true;
  }
  return false;
}

// Micro-batch `micro` of a step. The order of an epoch is a function of (seed, epoch), so a resumed run finds
// its place by the step number alone. An epoch's last step may have fewer micro-batches.
void Run::gather(int64_t step, int64_t micro, Batch& batch) {
  batch.clear();
  const int64_t epoch = step / steps_per_epoch_;
  if (epoch != epoch_of_order_) {
    order_ = epoch_order(session_.data.train.size(), job_.seed, epoch, job_.data.shuffle);
    epoch_of_order_ = epoch;
  }
  const int64_t index = step % steps_per_epoch_ * job_.accumulation + micro;
  const int64_t begin = index * job_.batch_size,
                end = std::min(begin + job_.batch_size, session_.data.train.size());
  for (int64_t i = begin; i < end; ++i) batch.append(session_.data.train, order_[size_t(i)]);
}

Run::StepSums Run::accumulate(int64_t step) {
  StepSums sums;
  for (int64_t m = 0; m < job_.accumulation; ++m) {
    Batch& batch = batches_[size_t(m)];
    gather(step, m, batch);
    sums.tokens += batch.tokens();
    sums.targets += batch.targets();
  }
  objective_.begin_step(sums.targets);
  for (const Batch& batch : batches_) {
    if (batch.sequences() == 0) continue;
    sums.loss += train_batch(batch, step);
    name_unusable(batch, logprob_, sums.unusable);
  }
  if (stack_) stack_->collect();
  return sums;
}

// Forward and backward of one micro-batch; its part of the step's loss.
double Run::train_batch(const Batch& batch, int64_t step) {
  const Segment whole{0, batch.tokens(), 0};
  logprob_.resize(size_t(batch.targets()));
  return network_->train(view_of(batch, whole, step), targets_of(batch), objective_, logprob_);
}

BatchView Run::view_of(const Batch& batch, const Segment& whole, int64_t step) const {
  return {.ids = batch.ids,
          .positions = batch.positions,
          .cu_seqlens = batch.cu_seqlens,
          .segments = {&whole, 1},
          .sample_keys = batch.sample_keys,
          .seed = job_.seed,
          .step = uint32_t(step),
          .training = true};
}

void Run::report(int64_t step, const StepSums& sums, double lr, double grad_norm) {
  state_.step = step;
  state_.tokens_seen += sums.tokens;
  state_.targets_seen += sums.targets;
  state_.loss_sum += sums.loss;
  state_.unlogged_loss_sum += sums.loss;
  StepDone e{.step = step,
             .total_steps = total_steps_,
             .epoch = epoch_at(step),
             .step_loss = sums.loss,
             .learning_rate = lr,
             .grad_norm = grad_norm,
             .tokens_seen = state_.tokens_seen,
             .targets_seen = state_.targets_seen,
             .seconds = RunClock::now() - started_at_,
             .tokens_per_second = tokens_per_second(),
             .seconds_left = seconds_left(step)};
  if (logging_->due(step)) {
    e.loss = state_.unlogged_loss_sum / double(step - state_.logged_step);
    state_.unlogged_loss_sum = 0;
    state_.logged_step = step;
  }
  listeners_.on_step(e);
}

// What is due after a step: evaluation first, so that the checkpoint knows its result. True: stop here.
bool Run::settle(int64_t step, const std::atomic<bool>* stop) {
  bool stopped = false, best = false;
  if (evaluates_after(step)) {
    stopped = !evaluate(step, stop);
    best = !stopped && note_best(step);
  }
  stopped = stopped || (stop && stop->load() && step < total_steps_);
  if (stopped || saving_->due(step) || (job_.saving.unit == Cadence::Unit::best && best)) save_state(step);
  return stopped;
}

void Run::save_state(int64_t step) {
  if (step == last_saved_) return;
  listeners_.on_progress({"Saving a checkpoint", 0, 1, "folder"});
  const std::filesystem::path path = save_checkpoint(job_.output_dir, state_, *adapter_, optimizer_,
                                                     files_->trainer_state(step, epoch_at(step)));
  listeners_.on_progress({"Saving a checkpoint", 1, 1, "folder"});
  last_saved_ = step;
  listeners_.on_checkpoint({.step = step, .path = path.string()});
  if (job_.save_total_limit)
    remove_old_checkpoints(job_.output_dir, *job_.save_total_limit, job_.best.load ? state_.best_step : -1);
}

TrainResult Run::train(const std::atomic<bool>* stop) {
  if (state_.step >= total_steps_ && finished_step(job_.output_dir) == state_.step) {
    listeners_.info(
        fmt::format("nothing is left to do: the run in {} has come to its step {}; raise num_train_epochs or "
                    "max_steps to "
                    "go on with it, or set overwrite_output_dir: true to start afresh",
                    job_.output_dir.string(), state_.step));
    return result(false);
  }
  files_ = std::make_unique<RunFiles>(job_, checkpoint_, state_.step);
  files_->set_best(
      {state_.best_step, state_.best_metric, checkpoint_path(job_.output_dir, state_.best_step)});
  listeners_.add(*files_);
  if (job_.tensorboard) listeners_.add(tensorboard_.emplace(tensorboard_folder(job_)));
  announce();
  started_at_ = RunClock::now();
  tokens_at_start_ = state_.tokens_seen;
  step_at_start_ = state_.step;
  bool interrupted = evaluate_first(stop) || run_steps(stop);
  const double seconds = RunClock::now() - started_at_;
  if (!interrupted) {
    if (job_.best.load) load_best();
    adapter_->save(job_.output_dir);
    interrupted = job_.eval.at_end && evaluation_ && !evaluate_at_end(stop);
  }
  TrainResult done = result(interrupted);
  if (interrupted) {
    save_state(state_.step);
  } else if (job_.plot_loss) {
    plot(done);
  }
  finish(seconds, interrupted);
  return done;
}

namespace {
// What a failed run leaves is the first thing one wants to know.
Error with_what_is_left(const Error::Parts& parts, const TrainJob& job) {
  const auto newest = newest_checkpoint(job.output_dir);
  const std::string left =
      newest ? fmt::format("the last checkpoint, {}, is whole: the same command goes on from there",
                           newest->string())
             : std::string("no checkpoint had been saved yet: the same command begins again");
  return Error({.what = parts.what,
                .where = parts.where,
                .hint = parts.hint.empty() ? left : fmt::format("{}; {}", parts.hint, left)});
}
}  // namespace

TrainResult run_training(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop) {
  Run run(job, listener);
  run.begin();
  try {
    return run.train(stop);
  } catch (const Error& e) {
    throw with_what_is_left(e.parts(), job);
  } catch (const std::filesystem::filesystem_error& e) {
    throw with_what_is_left({.what = e.code().message(), .where = e.path1().string(), .hint = ""}, job);
  }
}

}  // namespace fettle
