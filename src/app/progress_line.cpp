#include "app/progress_line.h"

#include <fmt/format.h>

#include <chrono>

#include "base/utf8.h"
#include "tune/run_files.h"

namespace fettle::app {

namespace {
double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}
}  // namespace

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (int64_t at = int64_t(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), 1, ',');
  return (n < 0 ? "-" : "") + digits;
}

std::string counted(int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

void ProgressLine::clear() {
  if (drawn_ == 0) return;
  fmt::print(out_, "\r{}\r", std::string(size_t(drawn_), ' '));
  drawn_ = 0;
}

void ProgressLine::line(const std::string& text) {
  clear();
  fmt::print(out_, "{}\n", text);
  std::fflush(out_);
}

void ProgressLine::move(const std::string& text) {
  if (!moving_) return;
  clear();
  fmt::print(out_, "{}", text);
  drawn_ = display_width(text);
  std::fflush(out_);
}

void ProgressLine::on_note(const Note& e) {
  line(e.severity == Severity::warning ? "warning: " + e.text : e.text);
}

// Only work that takes over two seconds is worth a line.
void ProgressLine::on_progress(const Progress& e) {
  if (e.task != task_) {
    task_ = e.task;
    task_started_ = now();
  }
  const double elapsed = now() - task_started_;
  if (e.total > 0 && e.done >= e.total) {
    if (elapsed > 2)
      line(fmt::format("{}: {} {} in {}", e.task, grouped(e.total), e.unit, duration_text(elapsed)));
    task_.clear();
    return;
  }
  if (elapsed < 2) return;
  if (e.total <= 0) {
    move(fmt::format("{}: {} {}", e.task, grouped(e.done), e.unit));
  } else {
    move(fmt::format(
        "{}: {} of {} {}, {} left", e.task, grouped(e.done), grouped(e.total), e.unit,
        duration_text(elapsed / double(std::max<int64_t>(1, e.done)) * double(e.total - e.done))));
  }
}

void ProgressLine::on_started(const RunStarted& e) {
  start_step_ = e.start_step;
  line(fmt::format("trainable params: {} || all params: {} || trainable%: {:.4f}",
                   grouped(e.trainable_params), grouped(e.all_params),
                   100.0 * double(e.trainable_params) / double(e.all_params)));
  line(fmt::format(
      "{}, {} of {}{}, {} on {} ({})", counted(e.samples, "sample"), counted(e.total_steps, "step"),
      counted(e.batch_size * e.accumulation, "sample"),
      e.accumulation > 1 ? fmt::format(" ({} × {} accumulated)", e.batch_size, e.accumulation) : "",
      e.compute, counted(e.threads, "thread"), e.isa));
}

void ProgressLine::on_step(const StepDone& e) {
  const std::string rest =
      fmt::format("{:.0f} tokens/s  {} left", e.tokens_per_second, duration_text(e.seconds_left));
  const std::string head = fmt::format("step {}/{}  epoch {:.2f}", e.step, e.total_steps, e.epoch);
  if (e.loss) {
    line(fmt::format("{}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  {}", head, *e.loss, e.learning_rate,
                     e.grad_norm, rest));
  } else {
    move(fmt::format("{}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  {}", head, e.step_loss, e.learning_rate,
                     e.grad_norm, rest));
  }
}

void ProgressLine::on_eval(const EvalDone& e) {
  const std::string at =
      e.total_steps > 0 ? fmt::format("step {}/{}  epoch {:.2f}  ", e.step, e.total_steps, e.epoch) : "";
  line(fmt::format("{}{}_loss {:.4f}  {} in {}", at, e.prefix(), e.loss, counted(e.samples, "sample"),
                   duration_text(e.runtime)));
}

void ProgressLine::on_checkpoint(const CheckpointSaved& e) {
  line(fmt::format("saved {}", e.path));
}

void ProgressLine::on_finished(const RunFinished& e) {
  // Time and speed are this process's, tokens and loss the whole run's.
  const std::string resumed =
      start_step_ > 0 ? fmt::format(" ({} since resuming)", grouped(e.steps - start_step_)) : "";
  line(fmt::format("{} {}{} in {} at {:.0f} tokens/s: {} tokens, mean loss {:.4f}",
                   e.interrupted ? "interrupted after" : "trained", counted(e.steps, "step"), resumed,
                   duration_text(e.seconds), e.tokens_per_second, grouped(e.tokens_seen), e.train_loss));
}

}  // namespace fettle::app
