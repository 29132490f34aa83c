#include "base/run_clock.h"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace fettle {

namespace {
// CLOCK_MONOTONIC, which does not count a suspended machine's time.
double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Ticker {
 public:
  double now() {
    const std::scoped_lock lock(mutex_);
    return time_.at(steady_seconds());
  }

 private:
  void tick(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (!stop.stop_requested()) {
      wake_.wait_for(lock, stop, std::chrono::duration<double>(RunningTime::kPeriod), [] { return false; });
      time_.tick(steady_seconds());
    }
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  RunningTime time_{steady_seconds()};
  std::jthread thread_{[this](const std::stop_token& stop) { tick(stop); }};  // last: the others outlive it
};
}  // namespace

double RunClock::now() {
  static Ticker ticker;
  return ticker.now();
}

}  // namespace fettle
