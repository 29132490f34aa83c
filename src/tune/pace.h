// How long a run will still take, from what its own steps and evaluations took.
#pragma once

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

namespace fettle {

class Pace {
 public:
  void step(double seconds) {
    if (recent_.size() < kRecent) {
      recent_.push_back(seconds);
    } else {
      recent_[next_] = seconds;
    }
    next_ = (next_ + 1) % kRecent;
    all_ += seconds;
  }
  void evaluation(double seconds) { evaluation_ = seconds; }

  /// Seconds of all steps of this process.
  double in_steps() const { return all_; }
  /// For so many more of each; 0 before the first step.
  double left(int64_t steps, int64_t evaluations) const {
    if (recent_.empty()) return 0;
    const double mean = std::reduce(recent_.begin(), recent_.end()) / double(recent_.size());
    return mean * double(steps) + evaluation_ * double(evaluations);
  }

 private:
  static constexpr size_t kRecent =
      64;  // enough to even out ragged samples, few enough to follow the machine
  std::vector<double> recent_;
  size_t next_ = 0;
  double all_ = 0, evaluation_ = 0;
};

}  // namespace fettle
