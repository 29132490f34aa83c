// A cadence over a run of known length: transformers' rules for logging, evaluation and checkpoints.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "tune/job.h"

namespace fettle {

class Timetable {
 public:
  /// `last_too`: the last step is due whatever its number (evaluation and checkpoints).
  Timetable(const Cadence& cadence, int64_t total_steps, int64_t steps_per_epoch, bool last_too)
      : unit_(cadence.unit), total_(total_steps), last_too_(last_too) {
    if (unit_ == Cadence::Unit::steps)
      every_ = int64_t(cadence.every < 1 ? std::ceil(double(total_steps) * cadence.every) : cadence.every);
    if (unit_ == Cadence::Unit::epochs) every_ = steps_per_epoch;
    every_ = std::max<int64_t>(1, every_);
  }

  /// Whether it is time once `step` steps are finished. Never for Unit::best, which follows no clock.
  bool due(int64_t step) const {
    if (!by_steps() || step == 0) return false;
    return step % every_ == 0 || (last_too_ && step == total_);
  }
  /// How often it will still be due after `step`.
  int64_t left_after(int64_t step) const {
    if (!by_steps() || step >= total_) return 0;
    return total_ / every_ - step / every_ + (last_too_ && total_ % every_ != 0 ? 1 : 0);
  }
  /// Steps between two; 1 at least.
  int64_t every() const { return every_; }

 private:
  bool by_steps() const { return unit_ == Cadence::Unit::steps || unit_ == Cadence::Unit::epochs; }

  Cadence::Unit unit_;
  int64_t total_, every_ = 1;
  bool last_too_;
};

}  // namespace fettle
