// Evaluation within a run, and runs that only evaluate.
#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/run_clock.h"
#include "tune/run.h"

namespace fettle {

namespace {
EvalDone eval_event(const SetLoss& loss) {
  const auto rate = [&](int64_t n) { return loss.seconds > 0 ? double(n) / loss.seconds : 0; };
  return {.set = loss.set,
          .loss = loss.loss,
          .runtime = loss.seconds,
          .samples_per_second = rate(loss.samples),
          .steps_per_second = rate(loss.batches),
          .samples = loss.samples};
}

constexpr int64_t kEvalTokens = 2048;  // of one row, where no training sets it

// "loss" and "eval_loss" are the same metric.
std::string full_name(const std::string& metric) {
  return metric.starts_with("eval_") ? metric : "eval_" + metric;
}
}  // namespace

void Run::require_metric() const {
  if (!job_.best.load && job_.saving.unit != Cadence::Unit::best) return;
  std::vector<std::string> known;
  for (const EvalSet& set : session_.data.eval) known.push_back(EvalDone{.set = set.name}.prefix() + "_loss");
  if (std::ranges::find(known, full_name(job_.best.metric)) == known.end())
    throw Error({.what = fmt::format("the evaluation has no metric {}", full_name(job_.best.metric)),
                 .where = "metric_for_best_model",
                 .hint = fmt::format("there is: {}", fmt::join(known, ", "))});
}

bool Run::evaluates_after(int64_t step) const {
  const double reached = job_.eval.cadence.unit == Cadence::Unit::epochs ? epoch_at(step) : double(step);
  return evaluation_ && evaluating_->due(step) && job_.eval.delay <= reached;
}

bool Run::evaluated(int64_t step) const {
  return std::ranges::any_of(files_->evaluations(), [&](const EvalDone& e) { return e.step == step; });
}

// False: stopped on the way, nothing is reported.
bool Run::evaluate(int64_t step, const std::atomic<bool>* stop) {
  const auto losses = evaluation_->run(listeners_, stop);
  if (!losses) return false;
  double seconds = 0;
  for (const SetLoss& l : *losses) seconds += l.seconds;
  pace_.evaluation(seconds);
  for (const SetLoss& l : *losses) {
    EvalDone e = eval_event(l);
    e.step = step;
    e.total_steps = total_steps_;
    e.epoch = epoch_at(step);
    e.tokens_seen = state_.tokens_seen;
    e.seconds = RunClock::now() - started_at_;
    e.tokens_per_second = tokens_per_second();
    e.seconds_left = seconds_left(step);
    listeners_.on_eval(e);
  }
  return true;
}

// Only an evaluation that a checkpoint is made with can be gone back to.
bool Run::note_best(int64_t step) {
  const bool saved_when_best = job_.saving.unit == Cadence::Unit::best;
  if (!saved_when_best && !(job_.best.load && saving_->due(step))) return false;
  const std::string wanted = full_name(job_.best.metric);
  const auto found = std::ranges::find_if(files_->evaluations(), [&](const EvalDone& e) {
    return e.step == step && e.prefix() + "_loss" == wanted;
  });
  FETTLE_CHECK(found != files_->evaluations().end(), "{} at step {}", wanted, step);
  const double metric = found->loss;
  const bool better = job_.best.greater ? metric > state_.best_metric : metric < state_.best_metric;
  if (state_.best_step >= 0 && !better) return false;
  state_.best_step = step;
  state_.best_metric = metric;
  files_->set_best({step, metric, checkpoint_path(job_.output_dir, step)});
  return true;
}

// An evaluation that the resumed run was stopped in, or that a fresh one begins with. True: stopped.
bool Run::evaluate_first(const std::atomic<bool>* stop) {
  const int64_t step = state_.step;
  if (step == 0) return evaluation_ && job_.eval.on_start && !evaluate(step, stop);
  if (evaluated(step) || !evaluates_after(step)) return false;
  last_saved_ = -1;  // the checkpoint is written again, with the result
  return settle(step, stop);
}

// The final adapter's evaluation, unless the run has made it already. False: stopped.
bool Run::evaluate_at_end(const std::atomic<bool>* stop) {
  const int64_t step = job_.best.load && state_.best_step >= 0 ? state_.best_step : state_.step;
  if (!evaluated(step) && !evaluate(step, stop)) return false;
  files_->write_eval_results(step);
  return true;
}

TrainResult run_evaluation(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop) {
  FETTLE_CHECK(!job.train);
  Session session(job, listener);
  const std::unique_ptr<LoraAdapter> adapter = load_adapters(job.model.adapters, *session.model);
  std::vector<LoraAdapter*> adapters;
  if (adapter)
    adapters.push_back(adapter.get());
  else
    listener.info("no adapter is named: the base model is evaluated");
  int64_t longest = 0;
  for (const EvalSet& set : session.data.eval)
    for (int64_t i = 0; i < set.data.size(); ++i) longest = std::max(longest, set.data.length(i));
  Evaluation evaluation(session.model, adapters, *session.ops, session.compute, session.data.eval,
                        job.eval.batch_size, std::max(longest, kEvalTokens));
  std::filesystem::create_directories(job.output_dir);
  RunFiles files(job, "", 0);
  const RunClock::Span span;
  const auto losses = evaluation.run(listener, stop);
  TrainResult result{.output_dir = job.output_dir.string(),
                     .log = files.log_path().string(),
                     .template_name = std::string(session.chat.row().name),
                     .base_model = job.model.model,
                     .interrupted = !losses};
  if (!losses) return result;
  for (const SetLoss& loss : *losses) {
    EvalDone e = eval_event(loss);
    e.seconds = span.seconds();
    files.on_eval(e);
    listener.on_eval(e);
  }
  files.write_eval_results(0);
  return result;
}

}  // namespace fettle
