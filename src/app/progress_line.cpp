#include "app/progress_line.h"

#include <fmt/format.h>

#include <chrono>

#include "base/memory.h"
#include "base/run_clock.h"
#include "base/utf8.h"
#include "tune/run_files.h"

namespace fettle::app {

std::string grouped(int64_t n) {
  std::string digits = std::to_string(n < 0 ? -n : n);
  for (int64_t at = int64_t(digits.size()) - 3; at > 0; at -= 3) digits.insert(size_t(at), 1, ',');
  return (n < 0 ? "-" : "") + digits;
}

std::string counted(int64_t n, std::string_view noun) {
  return fmt::format("{} {}{}", grouped(n), noun, n == 1 ? "" : "s");
}

ProgressLine::ProgressLine(std::FILE* out, bool moving, double silence)
    : out_(out), moving_(moving), silence_(silence) {
  doing("starting");
  last_said_ = phase_started_;
  watch_ = std::jthread([this](const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      wake_.wait_for(lock, stop, std::chrono::duration<double>(silence_ / 8), [] { return false; });
      if (!stop.stop_requested()) sign_of_life();
    }
  });
}

ProgressLine::~ProgressLine() {
  watch_.request_stop();
  watch_.join();
  clear();
}

void ProgressLine::sign_of_life() {
  const double now = RunClock::now();
  if (phase_.empty() || now - last_said_ < silence_) return;
  const std::string text = fmt::format("{}: {} so far{}", phase_, duration_text(now - phase_started_),
                                       pace_.empty() ? "" : "  " + pace_);
  if (moving_)
    move(text);
  else
    line(text);
}

void ProgressLine::doing(std::string phase, std::string pace) {
  phase_ = std::move(phase);
  pace_ = std::move(pace);
  phase_started_ = RunClock::now();
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
  last_said_ = RunClock::now();
}

void ProgressLine::move(const std::string& text) {
  if (!moving_) return;
  clear();
  fmt::print(out_, "{}", text);
  drawn_ = display_width(text);
  std::fflush(out_);
  last_said_ = RunClock::now();
}

void ProgressLine::on_note(const Note& e) {
  const std::scoped_lock lock(mutex_);
  line(e.severity == Severity::warning ? "warning: " + e.text : e.text);
}

// Only work that takes over two seconds is worth a line.
void ProgressLine::on_progress(const Progress& e) {
  const std::scoped_lock lock(mutex_);
  const double now = RunClock::now();
  if (e.task != task_) {
    task_ = e.task;
    task_started_ = now;
  }
  const double elapsed = now - task_started_;
  if (e.total > 0 && e.done >= e.total) {
    if (elapsed > 2)
      line(fmt::format("{}: {} {} in {}", e.task, grouped(e.total), e.unit, duration_text(elapsed)));
    task_.clear();
    doing("working");
    return;
  }
  std::string how_far;
  if (e.total <= 0) {
    how_far = fmt::format("{} {}", grouped(e.done), e.unit);
  } else if (e.done > 0) {
    how_far = fmt::format("{} of {} {}, {} left", grouped(e.done), grouped(e.total), e.unit,
                          duration_text(elapsed / double(e.done) * double(e.total - e.done)));
  }
  doing(e.task, how_far);
  phase_started_ = task_started_;
  if (elapsed >= 2 && !how_far.empty()) move(e.task + ": " + how_far);
}

void ProgressLine::on_started(const RunStarted& e) {
  const std::scoped_lock lock(mutex_);
  start_step_ = e.start_step;
  line(fmt::format("trainable params: {} || all params: {} || trainable%: {:.4f}",
                   grouped(e.trainable_params), grouped(e.all_params),
                   100.0 * double(e.trainable_params) / double(e.all_params)));
  line(fmt::format(
      "{}, {} of {}{}, {} on {} ({})", counted(e.samples, "sample"), counted(e.total_steps, "step"),
      counted(e.batch_size * e.accumulation, "sample"),
      e.accumulation > 1 ? fmt::format(" ({} × {} accumulated)", e.batch_size, e.accumulation) : "",
      e.compute, counted(e.threads, "thread"), e.isa));
  doing(fmt::format("step {}/{}", e.start_step + 1, e.total_steps));
}

void ProgressLine::on_step(const StepDone& e) {
  const std::scoped_lock lock(mutex_);
  const std::string rest =
      fmt::format("{:.0f} tokens/s  {} left", e.tokens_per_second, duration_text(e.seconds_left));
  const std::string text =
      fmt::format("step {}/{}  epoch {:.2f}  loss {:.4f}  lr {:.2e}  grad norm {:.3f}  {}", e.step,
                  e.total_steps, e.epoch, e.loss.value_or(e.step_loss), e.learning_rate, e.grad_norm, rest);
  if (e.loss)
    line(text);
  else
    move(text);
  doing(fmt::format("step {}/{}", std::min(e.step + 1, e.total_steps), e.total_steps), rest);
}

void ProgressLine::on_eval(const EvalDone& e) {
  const std::scoped_lock lock(mutex_);
  const std::string at =
      e.total_steps > 0 ? fmt::format("step {}/{}  epoch {:.2f}  ", e.step, e.total_steps, e.epoch) : "";
  line(fmt::format("{}{}_loss {:.4f}  {} in {}", at, e.prefix(), e.loss, counted(e.samples, "sample"),
                   duration_text(e.runtime)));
  if (e.total_steps > 0)
    doing(fmt::format("step {}/{}", std::min(e.step + 1, e.total_steps), e.total_steps),
          fmt::format("{:.0f} tokens/s  {} left", e.tokens_per_second, duration_text(e.seconds_left)));
}

void ProgressLine::on_checkpoint(const CheckpointSaved& e) {
  const std::scoped_lock lock(mutex_);
  line(fmt::format("saved {}", e.path));
}

void ProgressLine::on_finished(const RunFinished& e) {
  const std::scoped_lock lock(mutex_);
  doing("");
  // Time and speed are this process's, tokens and loss the whole run's.
  const std::string resumed =
      start_step_ > 0 ? fmt::format(" ({} since resuming)", grouped(e.steps - start_step_)) : "";
  const std::string memory =
      e.peak_memory > 0 ? fmt::format(", {} of memory at the peak", memory_text(e.peak_memory)) : "";
  line(fmt::format("{} {}{} in {} at {:.0f} tokens/s: {} tokens, mean loss {:.4f}{}",
                   e.interrupted ? "interrupted after" : "trained", counted(e.steps, "step"), resumed,
                   duration_text(e.seconds), e.tokens_per_second, grouped(e.tokens_seen), e.train_loss,
                   memory));
}

}  // namespace fettle::app
