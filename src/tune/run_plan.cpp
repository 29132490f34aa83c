// What a run would take, before it starts.
#include <algorithm>
#include <cmath>

#include "base/run_clock.h"
#include "tune/run.h"

namespace fettle {

namespace {
constexpr double kProbeSeconds = 15;
// Middle first, so that a probe cut short still stands for the whole.
constexpr double kQuantiles[] = {0.5, 0.1, 0.9, 0.3, 0.7};

struct MicroBatch {
  int64_t tokens, index;
};

/// Seconds of a micro-batch by its tokens, piecewise linear between those that were measured.
class Cost {
 public:
  void measured(int64_t tokens, double seconds) {
    points_.push_back({double(tokens), seconds});
    std::ranges::sort(points_);
  }
  double seconds(double tokens) const {
    const auto above = std::ranges::find_if(points_, [&](const auto& p) { return p.first >= tokens; });
    if (above == points_.end()) return points_.back().second * tokens / points_.back().first;
    if (above == points_.begin()) return above->second * tokens / above->first;
    const auto& [t1, s1] = *above;
    const auto& [t0, s0] = *(above - 1);
    return t1 > t0 ? s0 + (s1 - s0) * (tokens - t0) / (t1 - t0) : s1;
  }

 private:
  std::vector<std::pair<double, double>> points_;
};
}  // namespace

double Run::micro_batch_seconds(int64_t index) {
  Batch& batch = batches_[0];
  gather(index / job_.accumulation, index % job_.accumulation, batch);
  objective_.begin_step(batch.targets());
  const RunClock::Span span;
  train_batch(batch, index / job_.accumulation);
  return span.seconds();
}

// The longest micro-batch first: it generates every kernel and takes the scratch that the run will hold.
TimePlan Run::probe() {
  const RunClock::Span span;
  std::vector<MicroBatch> all;
  for (int64_t i = 0; i < batches_per_epoch_; ++i) {
    gather(i / job_.accumulation, i % job_.accumulation, batches_[0]);
    all.push_back({batches_[0].tokens(), i});
  }
  std::ranges::sort(all, {}, &MicroBatch::tokens);
  micro_batch_seconds(all.back().index);
  Cost cost;
  for (const double q : kQuantiles) {
    const MicroBatch& batch = all[size_t(std::lround(q * double(all.size() - 1)))];
    cost.measured(batch.tokens, micro_batch_seconds(batch.index));
    if (span.seconds() > kProbeSeconds) break;
  }
  const RunClock::Span update;
  optimizer_.step(*session_.ops, adapter_->params(), adapter_->grads(), 0);
  const double update_seconds = update.seconds();
  TimePlan plan{.steps = total_steps_};
  double epoch = 0, tokens = 0;
  for (const MicroBatch& batch : all) {
    epoch += cost.seconds(double(batch.tokens));
    tokens += double(batch.tokens);
  }
  epoch += update_seconds * double(steps_per_epoch_);
  plan.seconds = epoch * double(total_steps_) / double(steps_per_epoch_);
  plan.tokens_per_second = tokens / epoch;
  if (evaluation_) {
    plan.evaluations = planned_evaluations();
    plan.evaluation_seconds = double(plan.evaluations) * evaluation_->probe();
  }
  plan.probe_seconds = span.seconds();
  return plan;
}

int64_t Run::planned_evaluations() const {
  int64_t count = job_.eval.on_start ? 1 : 0;
  for (int64_t step = 1; step <= total_steps_; ++step) count += evaluates_after(step) ? 1 : 0;
  return count + (job_.eval.at_end && !evaluates_after(total_steps_) ? 1 : 0);
}

RunPlan Run::rehearse() const {
  RunPlan plan{.memory = memory_, .full_fine_tuning = planner_->full_fine_tuning(memory_)};
  if (!memory_.fits()) plan.remedies = planner_->remedies();
  return plan;
}

RunPlan Run::plan() {
  RunPlan plan = rehearse();
  if (!memory_.fits()) return plan;
  plan.time = probe();
  // What the kernels keep for themselves is known once they ran.
  const std::string_view kScratch = "scratch of kernels";
  std::erase_if(plan.memory.lines, [&](const PlanLine& line) { return line.name == kScratch; });
  plan.memory.lines.push_back({std::string(kScratch), session_.ops->scratch_bytes()});
  plan.full_fine_tuning = planner_->full_fine_tuning(plan.memory);
  return plan;
}

RunPlan rehearse_training(const TrainJob& job, RunListener& listener,
                          const std::function<void(const Session&)>& show) {
  const Run run(job, listener);
  show(run.session());
  return run.rehearse();
}

void consider_training(const TrainJob& job, RunListener& listener,
                       const std::function<void(const Session&, const MemoryOf&)>& choose) {
  const Run run(job, listener);
  choose(run.session(), std::bind_front(&Run::memory_of, &run));
}

RunPlan plan_training(const TrainJob& job, RunListener& listener) {
  return Run(job, listener).plan();
}

}  // namespace fettle
