// What a person sees of a run in the terminal: notes, one line per logged step, and a line that moves in
// between.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>

#include "tune/events.h"

namespace fettle::app {

class ProgressLine final : public RunListener {
 public:
  /// `moving`: the stream is a terminal, so a line may be drawn over.
  ProgressLine(std::FILE* out, bool moving) : out_(out), moving_(moving) {}
  ~ProgressLine() override { clear(); }

  void on_note(const Note&) override;
  void on_progress(const Progress&) override;
  void on_started(const RunStarted&) override;
  void on_step(const StepDone&) override;
  void on_eval(const EvalDone&) override;
  void on_checkpoint(const CheckpointSaved&) override;
  void on_finished(const RunFinished&) override;

 private:
  void line(const std::string& text);  // stays
  void move(const std::string& text);  // drawn over by the next
  void clear();

  std::FILE* out_;
  bool moving_;
  int64_t start_step_ = 0;   // of a resumed run
  int drawn_ = 0;            // columns of the moving line
  double task_started_ = 0;  // of the Progress under way
  std::string task_;
};

/// "1,234,567".
std::string grouped(int64_t n);
/// "1 step", "1,234 steps".
std::string counted(int64_t n, std::string_view noun);

}  // namespace fettle::app
