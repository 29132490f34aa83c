#include "tune/trainer.h"

#include <chrono>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "kernel/cpu_ops.h"
#include "model/network.h"
#include "tune/checkpoint.h"
#include "tune/load_data.h"
#include "tune/loss_plot.h"
#include "tune/objective/cross_entropy.h"
#include "tune/optim/optimizer.h"
#include "tune/run_files.h"
#include "tune/schedule/schedule.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Sum of the `count` largest: the most that one micro-batch can hold, whatever the shuffle.
int64_t largest_sum(std::vector<int64_t> lengths, int64_t count) {
  const auto n = std::min(int64_t(lengths.size()), count);
  std::partial_sort(lengths.begin(), lengths.begin() + n, lengths.end(), std::greater<>());
  return std::accumulate(lengths.begin(), lengths.begin() + n, int64_t(0));
}

/// One run: its parts in the order they are made, then the loop.
class Run {
 public:
  Run(const TrainJob& job, RunListener& listener);
  TrainResult train(const std::atomic<bool>* stop);

 private:
  struct StepSums {
    double loss = 0;
    int64_t tokens = 0, targets = 0;
  };

  std::unique_ptr<LoraAdapter> make_adapter() const;
  std::unique_ptr<Network> make_network() const;
  RunState state_now() const;
  void resume();
  void announce();
  StepSums accumulate(int64_t step);
  void report(int64_t step, const StepSums& sums, double lr, double grad_norm);
  void save_state(int64_t step);
  void finish(bool interrupted);
  void gather(int64_t step, int64_t micro, Batch& batch);
  double epoch_at(int64_t step) const { return double(step) / double(steps_per_epoch_); }

  const TrainJob& job_;
  Fanout listeners_;
  std::shared_ptr<const Model> model_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  ChatTemplate chat_;
  Dataset dataset_;
  std::unique_ptr<Ops> ops_;
  DType compute_;
  std::unique_ptr<LoraAdapter> adapter_;
  std::unique_ptr<Network> network_;
  Optimizer optimizer_;
  CrossEntropy objective_;
  int64_t batches_per_epoch_ = 0, steps_per_epoch_ = 0, total_steps_ = 0, warmup_ = 0;
  int64_t epoch_of_order_ = -1;
  std::vector<int64_t> order_;
  std::vector<Batch> batches_;
  std::vector<float> logprob_;
  RunState state_;
  fs::path checkpoint_;  // resumed from
  std::unique_ptr<RunFiles> files_;
  double started_at_ = 0;
  int64_t tokens_at_start_ = 0, step_at_start_ = 0, last_saved_ = -1;
};

std::unique_ptr<Ops> ops_for(const ModelJob& job) {
  return make_cpu_ops({.isa = choose_isa(), .threads = job.threads > 0 ? job.threads : usable_cores()});
}

std::string_view compute_name(DType type) {
  return type == DType::bf16 ? "bf16" : "fp32";
}

Run::Run(const TrainJob& job, RunListener& listener)
    : job_(job),
      model_((listeners_.add(listener), Model::load(job.model.model, listeners_))),
      tokenizer_((settle_quantization(job.model, *model_, listeners_), tokenizer_of(*model_))),
      chat_(template_of(job.model, *model_, *tokenizer_, listeners_), tokenizer_, job.model.default_system),
      dataset_(load_dataset(job, chat_, listeners_)),
      ops_(ops_for(job.model)),
      compute_(job.model.compute.value_or(row(choose_isa()).bf16_dot ? DType::bf16 : DType::f32)),
      adapter_(make_adapter()),
      network_(make_network()),
      optimizer_(job, int64_t(adapter_->params().size())) {
  batches_per_epoch_ = (dataset_.size() + job.batch_size - 1) / job.batch_size;
  steps_per_epoch_ = (batches_per_epoch_ + job.accumulation - 1) / job.accumulation;
  total_steps_ =
      job.max_steps > 0 ? job.max_steps : int64_t(std::ceil(job.epochs * double(steps_per_epoch_)));
  warmup_ = warmup_updates(job, total_steps_);
  batches_.resize(size_t(job.accumulation));
  fs::create_directories(job.output_dir);
  state_ = state_now();
  resume();
  files_ = std::make_unique<RunFiles>(job, checkpoint_, state_.step);
  listeners_.add(*files_);
}

std::unique_ptr<LoraAdapter> Run::make_adapter() const {
  std::unique_ptr<LoraAdapter> adapter;
  if (job_.model.adapters.size() > 1)
    throw Error({.what = "several adapters in adapter_name_or_path: merging them in order is not there yet",
                 .where = "adapter_name_or_path",
                 .hint = "name one adapter to continue training it"});
  if (job_.model.adapters.empty()) {
    adapter = LoraAdapter::create(*model_,
                                  {.rank = job_.lora.rank,
                                   .alpha = job_.lora.alpha,
                                   .dropout = job_.lora.dropout,
                                   .rslora = job_.lora.rslora,
                                   .targets = job_.lora.targets,
                                   .base_model = job_.model.model},
                                  job_.seed);
  } else {
    adapter = LoraAdapter::load(job_.model.adapters[0], *model_);
  }
  adapter->make_trainable();
  return adapter;
}

std::unique_ptr<Network> Run::make_network() const {
  std::vector<int64_t> lengths, targets;
  for (int64_t i = 0; i < dataset_.size(); ++i) {
    lengths.push_back(dataset_.length(i));
    targets.push_back(dataset_.targets(i));
  }
  return std::make_unique<Network>(
      model_, std::vector<LoraAdapter*>{adapter_.get()}, *ops_,
      NetworkOptions{.compute = compute_,
                     .training = true,
                     .max_tokens = largest_sum(std::move(lengths), job_.batch_size),
                     .max_sequences = job_.batch_size,
                     .max_targets = largest_sum(std::move(targets), job_.batch_size)});
}

RunState Run::state_now() const {
  RunState s;
  s.total_steps = total_steps_;
  s.seed = job_.seed;
  s.batch_size = job_.batch_size;
  s.accumulation = job_.accumulation;
  s.data_fingerprint = dataset_.fingerprint();
  s.isa = ops_->isa();
  s.compute = compute_name(compute_);
  s.as_typed = job_.as_typed;
  return s;
}

void Run::resume() {
  if (job_.overwrite_output_dir && job_.resume_from.empty()) {
    for (const fs::path& old : checkpoints(job_.output_dir)) fs::remove_all(old);
    return;
  }
  if (job_.resume_from.empty()) return;
  if (job_.resume_from == "auto") {
    const auto newest = newest_checkpoint(job_.output_dir);
    if (!newest) return;
    checkpoint_ = *newest;
  } else {
    checkpoint_ = job_.resume_from;
  }
  RunState saved = load_run_state(checkpoint_);
  check_resumable(saved, state_, checkpoint_, listeners_);
  const auto trained = LoraAdapter::load(checkpoint_, *model_);
  if (trained->params().size() != adapter_->params().size())
    throw Error(
        {.what = fmt::format("the checkpoint's adapter has {} parameters, this run's has {}",
                             trained->params().size(), adapter_->params().size()),
         .where = checkpoint_.string(),
         .hint =
             "keep lora_rank and lora_target as they were, or start afresh with overwrite_output_dir: true"});
  std::copy(trained->params().begin(), trained->params().end(), adapter_->params().begin());
  load_moments(checkpoint_, optimizer_);
  optimizer_.set_updates(saved.step);
  saved.total_steps = total_steps_;
  saved.as_typed = job_.as_typed;
  saved.isa = state_.isa;
  state_ = std::move(saved);
  last_saved_ = state_.step;
  listeners_.info(
      fmt::format("resuming {} at step {} of {}", checkpoint_.string(), state_.step, total_steps_));
}

void Run::announce() {
  const int64_t trainable = int64_t(adapter_->params().size());
  listeners_.on_started({.trainable_params = trainable,
                         .all_params = model_->parameters() + trainable,
                         .samples = dataset_.size(),
                         .total_steps = total_steps_,
                         .start_step = state_.step,
                         .steps_per_epoch = double(steps_per_epoch_),
                         .batch_size = job_.batch_size,
                         .accumulation = job_.accumulation,
                         .compute = state_.compute,
                         .isa = state_.isa,
                         .threads = ops_->threads()});
}

// Micro-batch `micro` of a step. The order of an epoch is a function of (seed, epoch), so a resumed run finds
// its place by the step number alone. An epoch's last step may have fewer micro-batches.
void Run::gather(int64_t step, int64_t micro, Batch& batch) {
  batch.clear();
  const int64_t epoch = step / steps_per_epoch_;
  if (epoch != epoch_of_order_) {
    order_ = epoch_order(dataset_.size(), job_.seed, epoch, job_.data.shuffle);
    epoch_of_order_ = epoch;
  }
  const int64_t index = step % steps_per_epoch_ * job_.accumulation + micro;
  const int64_t begin = index * job_.batch_size, end = std::min(begin + job_.batch_size, dataset_.size());
  for (int64_t i = begin; i < end; ++i) batch.append(dataset_, order_[size_t(i)]);
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
    const Segment whole{0, batch.tokens(), 0};
    const BatchView view{.ids = batch.ids,
                         .positions = batch.positions,
                         .cu_seqlens = batch.cu_seqlens,
                         .segments = {&whole, 1},
                         .sample_keys = batch.sample_keys,
                         .seed = job_.seed,
                         .step = uint32_t(step),
                         .training = true};
    logprob_.resize(size_t(batch.targets()));
    sums.loss += network_->train(view, {batch.target_rows, batch.target_tokens, batch.cu_targets}, objective_,
                                 logprob_);
  }
  return sums;
}

void Run::report(int64_t step, const StepSums& sums, double lr, double grad_norm) {
  state_.step = step;
  state_.tokens_seen += sums.tokens;
  state_.targets_seen += sums.targets;
  state_.loss_sum += sums.loss;
  state_.unlogged_loss_sum += sums.loss;
  const double seconds = now_seconds() - started_at_;
  StepDone e{.step = step,
             .total_steps = total_steps_,
             .epoch = epoch_at(step),
             .step_loss = sums.loss,
             .learning_rate = lr,
             .grad_norm = grad_norm,
             .tokens_seen = state_.tokens_seen,
             .targets_seen = state_.targets_seen,
             .seconds = seconds,
             .tokens_per_second = double(state_.tokens_seen - tokens_at_start_) / seconds,
             .seconds_left = seconds / double(step - step_at_start_) * double(total_steps_ - step)};
  if (step % job_.logging_steps == 0) {
    const int64_t since = std::min(job_.logging_steps, step);
    e.loss = state_.unlogged_loss_sum / double(since);
    state_.unlogged_loss_sum = 0;
  }
  listeners_.on_step(e);
}

void Run::save_state(int64_t step) {
  if (step == last_saved_) return;
  const fs::path path = save_checkpoint(job_.output_dir, state_, *adapter_, optimizer_,
                                        files_->trainer_state(step, epoch_at(step)));
  last_saved_ = step;
  listeners_.on_checkpoint({.step = step, .path = path.string()});
  if (!job_.save_total_limit) return;
  auto all = checkpoints(job_.output_dir);
  while (int64_t(all.size()) > std::max<int64_t>(1, *job_.save_total_limit)) {
    fs::remove_all(all.front());
    all.erase(all.begin());
  }
}

void Run::finish(bool interrupted) {
  const double seconds = now_seconds() - started_at_;
  const int64_t steps = state_.step - step_at_start_;
  listeners_.on_finished({.steps = state_.step,
                          .epoch = epoch_at(state_.step),
                          .train_loss = state_.step > 0 ? state_.loss_sum / double(state_.step) : 0,
                          .seconds = seconds,
                          .samples_per_second = double(steps * job_.batch_size * job_.accumulation) / seconds,
                          .steps_per_second = double(steps) / seconds,
                          .tokens_per_second = double(state_.tokens_seen - tokens_at_start_) / seconds,
                          .tokens_seen = state_.tokens_seen,
                          .total_flos = 6.0 * double(model_->parameters()) * double(state_.tokens_seen),
                          .interrupted = interrupted});
}

TrainResult Run::train(const std::atomic<bool>* stop) {
  announce();
  started_at_ = now_seconds();
  tokens_at_start_ = state_.tokens_seen;
  step_at_start_ = state_.step;
  const ScheduleRow& rates = schedule(job_.schedule);
  bool interrupted = false;
  for (int64_t step = state_.step; step < total_steps_ && !interrupted; ++step) {
    const StepSums sums = accumulate(step);
    if (!std::isfinite(sums.loss))
      throw Error(
          {.what = fmt::format("the loss of step {} is not a number; the adapter was not updated with it",
                               step + 1),
           .where = batches_[0].sequences() ? dataset_.place(int64_t(batches_[0].sample_keys[0])).text() : "",
           .hint = "lower learning_rate, or look at the samples of this step"});
    const double lr = job_.learning_rate * rates.factor(step, warmup_, total_steps_);
    const double norm = optimizer_.step(*ops_, adapter_->params(), adapter_->grads(), lr);
    report(step + 1, sums, job_.learning_rate * rates.factor(step + 1, warmup_, total_steps_), norm);
    interrupted = stop && stop->load() && step + 1 < total_steps_;
    if (interrupted || (job_.save_steps > 0 && (step + 1) % job_.save_steps == 0)) save_state(step + 1);
  }
  finish(interrupted);
  TrainResult result{.output_dir = job_.output_dir.string(),
                     .log = files_->log_path().string(),
                     .template_name = std::string(chat_.row().name),
                     .base_model = job_.model.model,
                     .interrupted = interrupted};
  if (interrupted) return result;
  adapter_->save(job_.output_dir);
  const fs::path plot = job_.output_dir / "training_loss.png";
  if (job_.plot_loss) {
    if (plot_loss(files_->history(), "training loss of " + job_.output_dir.string(), plot)) {
      result.plot = plot.string();
    } else {
      listeners_.warn("no plot: fewer than two losses were logged; lower logging_steps");
    }
  }
  return result;
}
}  // namespace

TrainResult run_training(const TrainJob& job, RunListener& listener, const std::atomic<bool>* stop) {
  return Run(job, listener).train(stop);
}

}  // namespace fettle
