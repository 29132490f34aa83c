// Keys → logging, evaluation, checkpoints, trackers: transformers' rules between them.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "compat/llamafactory/job_parts.h"

namespace fettle::llamafactory {

namespace {
double steps_or_share(const OptionSet& o, std::string_view key) {
  const double value = o.number(key);
  if (value >= 1 && value != std::floor(value))
    throw Error({.what = fmt::format("{}: {} found; a whole number of steps is expected, or a share of the "
                                     "run below 1",
                                     key, value),
                 .where = o.where(key)});
  return value;
}

Cadence cadence(const OptionSet& o, std::string_view strategy, std::string_view steps) {
  const std::string unit = o.text(strategy);
  if (unit == "steps") return {Cadence::Unit::steps, steps_or_share(o, steps)};
  if (unit == "epoch") return {Cadence::Unit::epochs};
  if (unit == "best") return {Cadence::Unit::best};
  return {};
}

// §2.12, rules 5 and 26: what is evaluated on, and when.
EvalJob eval_job(const OptionSet& o, const TrainJob& job, Listener& listener) {
  EvalJob e;
  e.val_size = o.number("val_size");
  e.datasets = o.list("eval_dataset");
  e.each = o.flag("eval_on_each_dataset");
  e.batch_size = o.integer("per_device_eval_batch_size");
  const bool old_name = o.given("evaluation_strategy") && !o.given("eval_strategy");
  const std::string_view strategy = old_name ? "evaluation_strategy" : "eval_strategy";
  e.cadence = cadence(o, strategy, o.given("eval_steps") ? "eval_steps" : "logging_steps");
  e.delay = o.number("eval_delay");
  e.on_start = o.flag("eval_on_start");
  e.at_end = o.flag("do_eval") || e.cadence.unit != Cadence::Unit::never;
  if (e.val_size > 0 && !e.datasets.empty())
    conflict(o, "val_size", "eval_dataset", "evaluate on the one or the other");
  const bool has_samples = e.val_size > 0 || !e.datasets.empty();
  if (!has_samples && (e.at_end || e.on_start))
    throw Error({.what = "there is nothing to evaluate on",
                 .where = o.where(o.flag("do_eval") ? "do_eval"
                                  : e.on_start      ? "eval_on_start"
                                                    : strategy),
                 .hint = "name eval_dataset, or hold samples back with val_size: 0.1"});
  if (has_samples && !e.at_end && !e.on_start)
    listener.info(fmt::format("{}: nothing evaluates on it; set eval_strategy: steps, or do_eval: true",
                              e.val_size > 0 ? "val_size" : "eval_dataset"));
  if (e.each && e.datasets.empty()) listener.info("eval_on_each_dataset has no effect without eval_dataset");
  if (!job.train) e.cadence = {};
  return e;
}

// transformers' conditions for load_best_model_at_end, whose keys are checked together.
BestJob best_job(const OptionSet& o, const TrainJob& job) {
  BestJob b{.load = o.flag("load_best_model_at_end"), .metric = o.text("metric_for_best_model")};
  b.greater = o.given("greater_is_better") ? o.flag("greater_is_better") : !b.metric.ends_with("loss");
  const bool best_saved = job.saving.unit == Cadence::Unit::best;
  if ((b.load || best_saved) && job.eval.cadence.unit == Cadence::Unit::never)
    throw Error({.what = "best needs evaluations while training",
                 .where = o.where(b.load ? "load_best_model_at_end" : "save_strategy"),
                 .hint = "set eval_strategy: steps"});
  if (!b.load || best_saved) return b;
  if (job.eval.cadence.unit != job.saving.unit)
    throw Error({.what =
                     "load_best_model_at_end: a checkpoint must come with an evaluation, but save_strategy "
                     "and eval_strategy differ",
                 .where = o.where("load_best_model_at_end"),
                 .hint = "set both to steps or both to epoch, or save_strategy: best"});
  const double save = job.saving.every, eval = job.eval.cadence.every;
  const bool multiple = (save < 1) == (eval < 1) && std::abs(std::remainder(save, eval)) < 1e-9 * eval;
  if (job.saving.unit == Cadence::Unit::steps && !multiple)
    throw Error({.what = fmt::format(
                     "load_best_model_at_end: save_steps ({}) is no multiple of eval_steps ({})", save, eval),
                 .where = o.where("save_steps"),
                 .hint = "make it one, so that every checkpoint has been evaluated"});
  return b;
}

// Trackers that send what they are given to a server, and how the event files get there.
struct Tracker {
  std::string_view name, import;
};
constexpr Tracker kTrackers[] = {
    {"wandb", "`wandb sync` takes the folder of the event files"},
    {"swanlab", "`swanlab convert -t tensorboard` takes the folder of the event files"},
    {"mlflow", "mlflow.log_metric() takes the lines of trainer_log.jsonl"},
    {"trackio", "trackio.log() takes the lines of trainer_log.jsonl"},
};

void trackers(const OptionSet& o, TrainJob& job, Listener& listener) {
  for (const std::string& name : o.list("report_to")) {
    if (name == "none") continue;
    if (name == "tensorboard" || name == "all") {
      job.tensorboard = true;
      if (name == "all") listener.info("report_to: all means tensorboard: nothing leaves this machine");
      continue;
    }
    const auto row = std::ranges::find(kTrackers, name, &Tracker::name);
    if (row == std::end(kTrackers))
      throw Error({.what = fmt::format("report_to: no tracker is called '{}'", name),
                   .where = o.where("report_to"),
                   .hint = "none, tensorboard or all"});
    throw Error({.what = fmt::format("report_to: {} is refused: nothing leaves this machine", name),
                 .where = o.where("report_to"),
                 .hint = fmt::format("set report_to: tensorboard; afterwards {}", row->import)});
  }
  job.tensorboard_dir = o.text("logging_dir");
  if (!job.tensorboard && !job.tensorboard_dir.empty())
    listener.info("logging_dir has no effect without report_to: tensorboard");
}
}  // namespace

void reporting_keys(const OptionSet& o, TrainJob& job, Listener& listener) {
  job.logging = cadence(o, "logging_strategy", "logging_steps");
  job.saving = cadence(o, "save_strategy", "save_steps");
  job.save_total_limit = o.integer_or_none("save_total_limit");
  job.plot_loss = o.flag("plot_loss");
  job.eval = eval_job(o, job, listener);
  job.best = best_job(o, job);
  trackers(o, job, listener);
}

}  // namespace fettle::llamafactory
