// What a person sees of a run in the terminal: notes, one line per logged step, a line that moves in between,
// and a sign of life when nothing else has been said for a while.
#pragma once

#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "tune/events.h"

namespace fettle::app {

class ProgressLine final : public RunListener {
 public:
  /// Longest silence, so that with the time a line takes no ten seconds pass without one.
  static constexpr double kSilence = 9;

  /// `moving`: the stream is a terminal, so a line may be drawn over. `silence`: see kSilence.
  ProgressLine(std::FILE* out, bool moving, double silence = kSilence);
  ~ProgressLine() override;

  void on_note(const Note&) override;
  void on_progress(const Progress&) override;
  void on_started(const RunStarted&) override;
  void on_step(const StepDone&) override;
  void on_eval(const EvalDone&) override;
  void on_checkpoint(const CheckpointSaved&) override;
  void on_finished(const RunFinished&) override;

 private:
  // Everything below is called with mutex_ held: events come from the run, signs of life from a thread of
  // this object's own.
  void line(const std::string& text);                    // stays
  void move(const std::string& text);                    // drawn over by the next
  void doing(std::string phase, std::string pace = "");  // what a sign of life speaks of
  void clear();
  void sign_of_life();

  std::FILE* out_;
  bool moving_;
  double silence_;
  int64_t start_step_ = 0;   // of a resumed run
  int drawn_ = 0;            // columns of the moving line
  double task_started_ = 0;  // of the Progress under way
  std::string task_;
  std::string phase_, pace_;                  // "step 4/80", "812 tokens/s  0:03:10 left"
  double phase_started_ = 0, last_said_ = 0;  // RunClock
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread watch_;  // last: it uses the others
};

/// "1,234,567".
std::string grouped(int64_t n);
/// "1 step", "1,234 steps".
std::string counted(int64_t n, std::string_view noun);

}  // namespace fettle::app
