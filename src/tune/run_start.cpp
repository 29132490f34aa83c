// Making a run: adapter, network, numbers of steps, and the checkpoint it goes on from.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/leftovers.h"
#include "tune/base_name.h"
#include "tune/model_check.h"
#include "tune/reach.h"
#include "tune/run.h"
#include "tune/schedule/schedule.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
std::string_view compute_name(DType type) {
  return type == DType::bf16 ? "bf16" : "fp32";
}
}  // namespace

Run::Run(const TrainJob& job, RunListener& listener)
    : job_(job),
      session_((listeners_.add(listener), job), listeners_),
      adapter_(make_adapter()),
      stack_(make_stack()),
      optimizer_(job, int64_t(adapter_->params().size())) {
  plan_memory();
  require_metric();
  plan_steps();
}

// The networks of training and evaluation, at the recompute level at which they fit.
void Run::plan_memory() {
  const BatchShape shape = batch_shape(session_.data.train, job_.batch_size);
  if (!session_.data.eval.empty())
    evaluation_ = std::make_unique<Evaluation>(session_.model, std::vector{&whole_adapter()}, *session_.ops,
                                               session_.compute, session_.data.eval, job_.eval.batch_size,
                                               shape.tokens);
  const auto moments =
      int64_t(optimizer_.first_moment().size_bytes() + optimizer_.second_moment().size_bytes());
  planner_.emplace(job_, session_, std::vector{&whole_adapter()}, moments,
                   evaluation_ ? evaluation_->arena_bytes() : 0);
  memory_ = planner_->plan();
  network_ = std::make_unique<Network>(session_.model, std::vector{&whole_adapter()}, *session_.ops,
                                       planner_->network_options(memory_.recompute, shape));
}

void Run::begin() {
  planner_->require(memory_);
  if (memory_.recompute != Recompute::none && !job_.recompute)
    listeners_.info(fmt::format("recompute: {}, so that the run fits into {} (about a third slower)",
                                name(memory_.recompute), memory_text(memory_.limit)));
  if (const std::string word = reach_warning(job_.learning_rate, total_steps_); !word.empty())
    listeners_.warn(word);
  std::error_code failed;
  fs::create_directories(job_.output_dir, failed);
  if (failed)
    throw Error({.what = fmt::format("the folder cannot be made: {}", failed.message()),
                 .where = job_.output_dir.string(),
                 .hint = "choose another output_dir"});
  remove_leftovers(job_.output_dir);
  state_ = state_now();
  resume();
}

void Run::plan_steps() {
  batches_per_epoch_ = (session_.data.train.size() + job_.batch_size - 1) / job_.batch_size;
  steps_per_epoch_ = (batches_per_epoch_ + job_.accumulation - 1) / job_.accumulation;
  total_steps_ =
      job_.max_steps > 0 ? job_.max_steps : int64_t(std::ceil(job_.epochs * double(steps_per_epoch_)));
  warmup_ = warmup_updates(job_, total_steps_);
  logging_.emplace(job_.logging, total_steps_, steps_per_epoch_, job_.logging.unit == Cadence::Unit::epochs);
  evaluating_.emplace(job_.eval.cadence, total_steps_, steps_per_epoch_, true);
  saving_.emplace(job_.saving, total_steps_, steps_per_epoch_, true);
  batches_.resize(size_t(job_.accumulation));
}

// The last adapter given goes on, or a new one begins on all of them.
std::unique_ptr<LoraAdapter> Run::make_adapter() {
  const std::vector<std::string>& given = job_.model.adapters;
  std::unique_ptr<LoraAdapter> adapter;
  if (given.empty() || job_.lora.create_new) {
    adapter = LoraAdapter::create(*session_.model,
                                  {.rank = job_.lora.rank,
                                   .alpha = job_.lora.alpha,
                                   .dropout = job_.lora.dropout,
                                   .rslora = job_.lora.rslora,
                                   .targets = job_.lora.targets,
                                   .base_model = base_model_name(job_, *session_.model, listeners_)},
                                  job_.seed);
  } else {
    adapter = LoraAdapter::load(given.back(), *session_.model);
    if (!job_.lora.base_model_name.empty() || adapter->config().base_model.empty())
      adapter->name_base(base_model_name(job_, *session_.model, listeners_));
  }
  adapter->make_trainable();
  return adapter;
}

std::unique_ptr<AdapterStack> Run::make_stack() const {
  const std::vector<std::string> below = adapters_below(job_);
  if (below.empty()) return nullptr;
  return std::make_unique<AdapterStack>(*session_.model, load_adapters(below, *session_.model), *adapter_);
}

// The first step's loss is that of the base (B is zero): near chance, it is asked whether the base reads at
// all.
void Run::require_reading(double first_loss) {
  constexpr double kNearChance = 0.85;
  const double chance = std::log(double(session_.model->hp().vocab_size));
  if (!job_.check_model || first_loss < kNearChance * chance) return;
  require_sound(check_model(session_.model, *session_.tokenizer, *session_.ops, session_.compute, listeners_),
                job_.model.model,
                "; check_model: false trains all the same, for a model that never was trained");
  listeners_.warn(
      fmt::format("the first loss, {:.2f}, stands near chance ({:.2f}), although the model reads plain text: "
                  "look at the data "
                  "and the template",
                  first_loss, chance));
}

RunState Run::state_now() const {
  RunState s;
  s.total_steps = total_steps_;
  s.seed = job_.seed;
  s.batch_size = job_.batch_size;
  s.accumulation = job_.accumulation;
  s.data_fingerprint = session_.data.train.fingerprint();
  s.isa = session_.ops->isa();
  s.compute = compute_name(session_.compute);
  if (stack_) s.below_fingerprint = stack_->fingerprint();
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
  const auto trained = LoraAdapter::load(checkpoint_, *session_.model);
  if (trained->params().size() != adapter_->params().size())
    throw Error(
        {.what = fmt::format("the checkpoint's adapter has {} parameters, this run's has {}",
                             trained->params().size(), adapter_->params().size()),
         .where = checkpoint_.string(),
         .hint =
             "keep lora_rank and lora_target as they were, or start afresh with overwrite_output_dir: true"});
  std::copy(trained->params().begin(), trained->params().end(), adapter_->params().begin());
  load_moments(checkpoint_, optimizer_);
  publish();
  optimizer_.set_updates(saved.step);
  saved.total_steps = total_steps_;
  saved.as_typed = job_.as_typed;
  saved.isa = state_.isa;
  state_ = std::move(saved);
  last_saved_ = state_.step;
  listeners_.info(fmt::format("resuming {} at step {} of {}; overwrite_output_dir: true starts afresh",
                              checkpoint_.string(), state_.step, total_steps_));
}

void Run::announce() {
  const int64_t trainable = int64_t(adapter_->params().size());
  listeners_.on_started({.trainable_params = trainable,
                         .all_params = session_.model->parameters() + trainable,
                         .samples = session_.data.train.size(),
                         .total_steps = total_steps_,
                         .start_step = state_.step,
                         .steps_per_epoch = double(steps_per_epoch_),
                         .batch_size = job_.batch_size,
                         .accumulation = job_.accumulation,
                         .logging_steps = logging_->every(),
                         .eval_steps = evaluating_->every(),
                         .save_steps = saving_->every(),
                         .compute = state_.compute,
                         .isa = state_.isa,
                         .threads = session_.ops->threads()});
}

}  // namespace fettle
