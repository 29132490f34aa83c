// What a run leaves when its steps are done.
#include <fmt/format.h>

#include <map>

#include "base/memory.h"
#include "tune/loss_plot.h"
#include "tune/run.h"

namespace fettle {

namespace fs = std::filesystem;

void Run::load_best() {
  if (state_.best_step < 0) {
    listeners_.warn("load_best_model_at_end: no evaluation came with a checkpoint, the last adapter is kept");
    return;
  }
  const fs::path best = checkpoint_path(job_.output_dir, state_.best_step);
  const auto adapter = LoraAdapter::load(best, *session_.model);
  std::ranges::copy(adapter->params(), adapter_->params().begin());
  publish();
  listeners_.info(
      fmt::format("the best adapter: {}, {} {:.4f}", best.string(), job_.best.metric, state_.best_metric));
}

void Run::plot(TrainResult& result) {
  std::vector<PlotPoint> losses;
  for (const LoggedStep& h : files_->history()) losses.push_back({h.step, h.loss});
  result.plot = plot_in_folder(job_.output_dir, "loss", losses).string();
  if (result.plot.empty()) listeners_.warn("no plot: fewer than two losses were logged; lower logging_steps");
  std::map<std::string, std::vector<PlotPoint>> evaluations;
  for (const EvalDone& e : files_->evaluations())
    evaluations[e.prefix() + "_loss"].push_back({e.step, e.loss});
  for (const auto& [key, points] : evaluations)
    if (const fs::path png = plot_in_folder(job_.output_dir, key, points); !png.empty())
      result.eval_plots.push_back(png.string());
}

void Run::finish(double seconds, bool interrupted) {
  const int64_t steps = state_.step - step_at_start_;
  const auto rate = [&](double amount) { return seconds > 0 ? amount / seconds : 0; };
  listeners_.on_finished(
      {.steps = state_.step,
       .epoch = epoch_at(state_.step),
       .train_loss = state_.step > 0 ? state_.loss_sum / double(state_.step) : 0,
       .seconds = seconds,
       .samples_per_second = rate(double(steps * job_.batch_size * job_.accumulation)),
       .steps_per_second = rate(double(steps)),
       .tokens_per_second = rate(double(state_.tokens_seen - tokens_at_start_)),
       .tokens_seen = state_.tokens_seen,
       .total_flos = 6.0 * double(session_.model->parameters()) * double(state_.tokens_seen),
       .peak_memory = peak_memory(),
       .interrupted = interrupted});
}

TrainResult Run::result(bool interrupted) const {
  return {.output_dir = job_.output_dir.string(),
          .log = (job_.output_dir / "trainer_log.jsonl").string(),
          .template_name = std::string(session_.chat.row().name),
          .base_model = job_.model.model,
          .below = adapters_below(job_),
          .interrupted = interrupted};
}

}  // namespace fettle
