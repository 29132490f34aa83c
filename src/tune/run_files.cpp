#include "tune/run_files.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"

namespace fettle {

namespace fs = std::filesystem;
using nlohmann::json;
using nlohmann::ordered_json;

namespace {
double rounded(double x, double unit) {
  return std::round(x * unit) / unit;
}

// Lines of an older log up to a step; what a killed run wrote after its last checkpoint will be written
// again.
std::string kept_lines(const fs::path& log, int64_t step) {
  if (!fs::exists(log)) return "";
  std::istringstream in(read_text(log));
  std::string kept, line;
  while (std::getline(in, line)) {
    const json doc = json::parse(line, nullptr, false);
    if (doc.is_object() && doc.value("current_steps", int64_t(-1)) <= step && doc.contains("loss"))
      kept += line + "\n";
  }
  return kept;
}

std::vector<LoggedStep> kept_history(const fs::path& state_file, int64_t step) {
  const json doc = parse_json_document(read_text(state_file), state_file.string());
  std::vector<LoggedStep> history;
  for (const json& e : doc.value("log_history", json::array())) {
    if (!e.contains("loss") || e.value("step", int64_t(-1)) > step) continue;
    history.push_back({.step = e.at("step"),
                       .epoch = e.value("epoch", 0.0),
                       .loss = e.at("loss"),
                       .grad_norm = e.value("grad_norm", 0.0),
                       .learning_rate = e.value("learning_rate", 0.0),
                       .tokens_seen = e.value("num_input_tokens_seen", int64_t(0))});
  }
  return history;
}
}  // namespace

std::string duration_text(double seconds) {
  const int64_t s = int64_t(std::max(0.0, seconds));
  const int64_t days = s / 86400, h = s / 3600 % 24, m = s / 60 % 60;
  const std::string clock = fmt::format("{}:{:02}:{:02}", h, m, s % 60);
  return days == 0 ? clock : fmt::format("{} day{}, {}", days, days == 1 ? "" : "s", clock);
}

RunFiles::RunFiles(const TrainJob& job, const fs::path& checkpoint, int64_t resume_step)
    : output_dir_(job.output_dir), job_(job) {
  if (resume_step > 0) history_ = kept_history(checkpoint / "trainer_state.json", resume_step);
  write_atomic(log_path(), resume_step > 0 ? kept_lines(log_path(), resume_step) : "");
}

void RunFiles::on_started(const RunStarted& e) {
  started_ = e;
}

void RunFiles::write_log_line(const StepDone& e) const {
  ordered_json line;
  line["current_steps"] = e.step;
  line["total_steps"] = e.total_steps;
  line["loss"] = rounded(*e.loss, 1e4);
  line["lr"] = e.learning_rate;
  line["epoch"] = rounded(e.epoch, 1e4);
  line["percentage"] =
      e.total_steps > 0 ? rounded(100.0 * double(e.step) / double(e.total_steps), 100) : 100.0;
  line["elapsed_time"] = duration_text(e.seconds);
  line["remaining_time"] = duration_text(e.seconds_left);
  line["throughput"] = rounded(e.tokens_per_second, 100);
  line["total_tokens"] = e.tokens_seen;
  append_line(log_path(), line.dump());
}

void RunFiles::on_step(const StepDone& e) {
  if (!e.loss) return;
  history_.push_back({.step = e.step,
                      .epoch = e.epoch,
                      .loss = *e.loss,
                      .grad_norm = e.grad_norm,
                      .learning_rate = e.learning_rate,
                      .tokens_seen = e.tokens_seen});
  write_log_line(e);
}

std::string RunFiles::trainer_state(int64_t step, double epoch) const {
  json log = json::array();
  for (const LoggedStep& h : history_)
    log.push_back({{"epoch", h.epoch},
                   {"grad_norm", h.grad_norm},
                   {"learning_rate", h.learning_rate},
                   {"loss", h.loss},
                   {"num_input_tokens_seen", h.tokens_seen},
                   {"step", h.step}});
  if (has_finished_)
    log.push_back({{"epoch", finished_.epoch},
                   {"num_input_tokens_seen", finished_.tokens_seen},
                   {"step", finished_.steps},
                   {"total_flos", finished_.total_flos},
                   {"train_loss", finished_.train_loss},
                   {"train_runtime", finished_.seconds},
                   {"train_samples_per_second", finished_.samples_per_second},
                   {"train_steps_per_second", finished_.steps_per_second}});
  const json doc = {{"best_global_step", nullptr},
                    {"best_metric", nullptr},
                    {"best_model_checkpoint", nullptr},
                    {"epoch", epoch},
                    {"eval_steps", 500},
                    {"global_step", step},
                    {"is_hyper_param_search", false},
                    {"is_local_process_zero", true},
                    {"is_world_process_zero", true},
                    {"log_history", log},
                    {"logging_steps", job_.logging_steps},
                    {"max_steps", started_.total_steps},
                    {"num_input_tokens_seen", history_.empty() ? int64_t(0) : history_.back().tokens_seen},
                    {"num_train_epochs", int64_t(std::ceil(job_.epochs))},
                    {"save_steps", job_.save_steps},
                    {"stateful_callbacks", json::object()},
                    {"total_flos", finished_.total_flos},
                    {"train_batch_size", job_.batch_size},
                    {"trial_name", nullptr},
                    {"trial_params", nullptr}};
  return doc.dump(2) + "\n";
}

void RunFiles::on_finished(const RunFinished& e) {
  finished_ = e;
  if (e.interrupted) return;  // the run is not over: its checkpoint holds what is needed
  has_finished_ = true;
  const json results = {{"epoch", e.epoch},
                        {"num_input_tokens_seen", e.tokens_seen},
                        {"total_flos", e.total_flos},
                        {"train_loss", e.train_loss},
                        {"train_runtime", rounded(e.seconds, 1e4)},
                        {"train_samples_per_second", rounded(e.samples_per_second, 1e3)},
                        {"train_steps_per_second", rounded(e.steps_per_second, 1e3)},
                        {"effective_tokens_per_sec", rounded(e.tokens_per_second, 1e3)}};
  write_atomic(output_dir_ / "train_results.json", results.dump(4) + "\n");
  json all = json::object();
  const fs::path all_path = output_dir_ / "all_results.json";
  if (fs::exists(all_path)) {
    json old = json::parse(read_text(all_path), nullptr, false);
    if (old.is_object()) all = std::move(old);
  }
  all.update(results);
  write_atomic(all_path, all.dump(4) + "\n");
  write_atomic(output_dir_ / "trainer_state.json", trainer_state(e.steps, e.epoch));
  const ordered_json last = {{"current_steps", e.steps},
                             {"total_steps", started_.total_steps},
                             {"epoch", rounded(e.epoch, 1e4)},
                             {"percentage", 100.0},
                             {"elapsed_time", duration_text(e.seconds)},
                             {"remaining_time", "0:00:00"}};
  append_line(log_path(), last.dump());
}

}  // namespace fettle
