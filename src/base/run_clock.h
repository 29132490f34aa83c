// Time in which this process was running. What it was stopped for (SIGSTOP, a debugger) is left out, and so
// is a laptop's sleep, so that speeds and times left stay right afterwards.
#pragma once

namespace fettle {

/// The rule, on any time axis: ticks come every kPeriod seconds, so in a longer gap nobody was there to tick.
/// It counts up to kLimit, which is what a busy machine may be late by.
class RunningTime {
 public:
  static constexpr double kPeriod = 0.25, kLimit = 2;

  explicit RunningTime(double now) : last_(now) {}
  void tick(double now) {
    running_ = at(now);
    last_ = now;
  }
  double at(double now) const {
    const double gap = now - last_;
    return running_ + (gap < kLimit ? gap : kLimit);
  }

 private:
  double running_ = 0, last_;
};

/// RunningTime of this process; a thread of its own ticks from the first use on.
class RunClock {
 public:
  /// Seconds since the first use.
  static double now();

  class Span {
   public:
    double seconds() const { return now() - begin_; }

   private:
    double begin_ = now();
  };
};

}  // namespace fettle
