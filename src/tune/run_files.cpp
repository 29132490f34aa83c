#include "tune/run_files.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string_view>

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

bool is_eval_loss(std::string_view key) {
  return key.starts_with("eval") && key.ends_with("_loss");
}

// Lines of an older log up to a step; what a killed run wrote after its last checkpoint will be written
// again.
std::string kept_lines(const fs::path& log, int64_t step) {
  if (!fs::exists(log)) return "";
  std::istringstream in(read_text(log));
  std::string kept, line;
  while (std::getline(in, line)) {
    const json doc = json::parse(line, nullptr, false);
    if (!doc.is_object() || doc.value("current_steps", int64_t(-1)) > step) continue;
    const bool result = std::ranges::any_of(
        doc.items(), [](const auto& item) { return item.key() == "loss" || is_eval_loss(item.key()); });
    if (result) kept += line + "\n";
  }
  return kept;
}

// "eval_zh_loss" → "zh", "eval_loss" → "".
std::string set_of(const std::string& key) {
  constexpr size_t kFront = 5, kBack = 5;  // "eval_", "_loss"
  return key == "eval_loss" ? "" : key.substr(kFront, key.size() - kFront - kBack);
}

EvalDone eval_entry(const json& e, const std::string& key) {
  EvalDone eval{.step = e.at("step"), .epoch = e.value("epoch", 0.0), .set = set_of(key), .loss = e.at(key)};
  const std::string prefix = eval.prefix();
  eval.runtime = e.value(prefix + "_runtime", 0.0);
  eval.samples_per_second = e.value(prefix + "_samples_per_second", 0.0);
  eval.steps_per_second = e.value(prefix + "_steps_per_second", 0.0);
  eval.tokens_seen = e.value("num_input_tokens_seen", int64_t(0));
  return eval;
}

json to_json(const LoggedStep& h) {
  return {{"epoch", h.epoch},
          {"grad_norm", h.grad_norm},
          {"learning_rate", h.learning_rate},
          {"loss", h.loss},
          {"num_input_tokens_seen", h.tokens_seen},
          {"step", h.step}};
}

// The metrics of one evaluation under their names.
json metrics(const EvalDone& e) {
  const std::string prefix = e.prefix();
  return {{prefix + "_loss", e.loss},
          {prefix + "_runtime", rounded(e.runtime, 1e4)},
          {prefix + "_samples_per_second", rounded(e.samples_per_second, 1e3)},
          {prefix + "_steps_per_second", rounded(e.steps_per_second, 1e3)}};
}

json to_json(const EvalDone& e) {
  json entry = metrics(e);
  entry["epoch"] = e.epoch;
  entry["num_input_tokens_seen"] = e.tokens_seen;
  entry["step"] = e.step;
  return entry;
}

json to_json(const RunFinished& f) {
  return {{"epoch", f.epoch},
          {"num_input_tokens_seen", f.tokens_seen},
          {"step", f.steps},
          {"total_flos", f.total_flos},
          {"train_loss", f.train_loss},
          {"train_runtime", f.seconds},
          {"train_samples_per_second", f.samples_per_second},
          {"train_steps_per_second", f.steps_per_second}};
}

// Logged steps and evaluations in the order they happened: a step is logged before it is evaluated.
json log_history(std::span<const LoggedStep> steps, std::span<const EvalDone> evaluations) {
  json log = json::array();
  auto eval = evaluations.begin();
  for (const LoggedStep& step : steps) {
    for (; eval != evaluations.end() && eval->step < step.step; ++eval) log.push_back(to_json(*eval));
    log.push_back(to_json(step));
  }
  for (; eval != evaluations.end(); ++eval) log.push_back(to_json(*eval));
  return log;
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
  if (!job.train) return;
  fs::remove(output_dir_ / "trainer_state.json");  // of an earlier run: from here on the folder is unfinished
  if (resume_step > 0) read_history(checkpoint / "trainer_state.json", resume_step);
  write_atomic(log_path(), resume_step > 0 ? kept_lines(log_path(), resume_step) : "");
}

void RunFiles::read_history(const fs::path& state_file, int64_t step) {
  const json doc = parse_json_document(read_text(state_file), state_file.string());
  for (const json& e : doc.value("log_history", json::array())) {
    if (e.value("step", int64_t(-1)) > step) continue;
    if (e.contains("loss"))
      history_.push_back({.step = e.at("step"),
                          .epoch = e.value("epoch", 0.0),
                          .loss = e.at("loss"),
                          .grad_norm = e.value("grad_norm", 0.0),
                          .learning_rate = e.value("learning_rate", 0.0),
                          .tokens_seen = e.value("num_input_tokens_seen", int64_t(0))});
    for (const auto& [key, value] : e.items())
      if (is_eval_loss(key)) evaluations_.push_back(eval_entry(e, key));
  }
}

void RunFiles::on_started(const RunStarted& e) {
  started_ = e;
}

namespace {
// What every line of the log ends with.
template <class Event>
void add_progress(ordered_json& line, const Event& e) {
  line["epoch"] = rounded(e.epoch, 1e4);
  line["percentage"] =
      e.total_steps > 0 ? rounded(100.0 * double(e.step) / double(e.total_steps), 100) : 100.0;
  line["elapsed_time"] = duration_text(e.seconds);
  line["remaining_time"] = duration_text(e.seconds_left);
  line["throughput"] = rounded(e.tokens_per_second, 100);
  line["total_tokens"] = e.tokens_seen;
}
}  // namespace

void RunFiles::on_step(const StepDone& e) {
  if (!e.loss) return;
  history_.push_back({.step = e.step,
                      .epoch = e.epoch,
                      .loss = *e.loss,
                      .grad_norm = e.grad_norm,
                      .learning_rate = e.learning_rate,
                      .tokens_seen = e.tokens_seen});
  ordered_json line = {{"current_steps", e.step},
                       {"total_steps", e.total_steps},
                       {"loss", rounded(*e.loss, 1e4)},
                       {"lr", e.learning_rate}};
  add_progress(line, e);
  append_line(log_path(), line.dump());
}

void RunFiles::on_eval(const EvalDone& e) {
  evaluations_.push_back(e);
  ordered_json line = {{"current_steps", e.step},
                       {"total_steps", e.total_steps},
                       {e.prefix() + "_loss", rounded(e.loss, 1e4)}};
  add_progress(line, e);
  append_line(log_path(), line.dump());
}

std::string RunFiles::trainer_state(int64_t step, double epoch) const {
  json log = log_history(history_, evaluations_);
  if (has_finished_) log.push_back(to_json(finished_));
  const bool best = best_.step >= 0;
  const json doc = {{"best_global_step", best ? json(best_.step) : json()},
                    {"best_metric", best ? json(best_.metric) : json()},
                    {"best_model_checkpoint", best ? json(best_.checkpoint.string()) : json()},
                    {"epoch", epoch},
                    {"eval_steps", started_.eval_steps},
                    {"global_step", step},
                    {"is_hyper_param_search", false},
                    {"is_local_process_zero", true},
                    {"is_world_process_zero", true},
                    {"log_history", log},
                    {"logging_steps", started_.logging_steps},
                    {"max_steps", started_.total_steps},
                    {"num_input_tokens_seen", history_.empty() ? int64_t(0) : history_.back().tokens_seen},
                    {"num_train_epochs", int64_t(std::ceil(job_.epochs))},
                    {"save_steps", started_.save_steps},
                    {"stateful_callbacks", json::object()},
                    {"total_flos", finished_.total_flos},
                    {"train_batch_size", job_.batch_size},
                    {"trial_name", nullptr},
                    {"trial_params", nullptr}};
  return doc.dump(2) + "\n";
}

// A file of its own for a phase, and its part of what all phases share.
void RunFiles::write_results(const char* file, const json& results) const {
  write_atomic(output_dir_ / file, results.dump(4) + "\n");
  json all = json::object();
  const fs::path all_path = output_dir_ / "all_results.json";
  if (fs::exists(all_path)) {
    json old = json::parse(read_text(all_path), nullptr, false);
    if (old.is_object()) all = std::move(old);
  }
  all.update(results);
  write_atomic(all_path, all.dump(4) + "\n");
}

void RunFiles::write_eval_results(int64_t step) const {
  json results = json::object();
  for (const EvalDone& e : evaluations_) {
    if (e.step != step) continue;
    results.update(metrics(e));
    if (job_.train) results["epoch"] = e.epoch;
    if (job_.stage == Stage::pt) results[e.prefix() + "_perplexity"] = std::exp(e.loss);
  }
  FETTLE_CHECK(!results.empty(), "no evaluation at step {}", step);
  write_results("eval_results.json", results);
}

void RunFiles::on_finished(const RunFinished& e) {
  finished_ = e;
  if (e.interrupted) return;  // the run is not over: its checkpoint holds what is needed
  has_finished_ = true;
  write_results("train_results.json", {{"epoch", e.epoch},
                                       {"num_input_tokens_seen", e.tokens_seen},
                                       {"total_flos", e.total_flos},
                                       {"train_loss", e.train_loss},
                                       {"train_runtime", rounded(e.seconds, 1e4)},
                                       {"train_samples_per_second", rounded(e.samples_per_second, 1e3)},
                                       {"train_steps_per_second", rounded(e.steps_per_second, 1e3)},
                                       {"effective_tokens_per_sec", rounded(e.tokens_per_second, 1e3)}});
  const ordered_json last = {{"current_steps", e.steps},
                             {"total_steps", started_.total_steps},
                             {"epoch", rounded(e.epoch, 1e4)},
                             {"percentage", 100.0},
                             {"elapsed_time", duration_text(e.seconds)},
                             {"remaining_time", "0:00:00"}};
  append_line(log_path(), last.dump());
  // Last of all: a folder whose trainer_state.json stands at the run's last step is complete.
  write_atomic(output_dir_ / "trainer_state.json", trainer_state(e.steps, e.epoch));
}

std::optional<int64_t> finished_step(const fs::path& output_dir) {
  const fs::path file = output_dir / "trainer_state.json";
  if (!fs::exists(file) || !fs::exists(output_dir / "adapter_model.safetensors")) return std::nullopt;
  const json doc = parse_json_document(read_text(file), file.string());
  return doc.is_object() && doc.contains("global_step") && doc["global_step"].is_number_integer()
             ? std::optional(doc["global_step"].get<int64_t>())
             : std::nullopt;
}

}  // namespace fettle
