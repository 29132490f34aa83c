// The optimizer over one flat span of parameters.
#pragma once

#include <span>
#include <vector>

#include "kernel/ops.h"
#include "tune/job.h"

namespace fettle {

/// AdamW with torch's meaning, and torch's gradient clipping by the global norm. Moments are f32, one flat
/// span each, in the order of the parameters: a checkpoint writes them as they lie.
class Optimizer {
 public:
  Optimizer(const TrainJob& job, int64_t parameters);

  /// Clips and updates; `lr` is this update's rate. Returns the gradient's norm before clipping. Clears the
  /// gradient. A norm that is not finite changes nothing and clears nothing.
  double step(Ops& ops, std::span<float> params, std::span<float> grads, double lr);

  int64_t updates() const { return updates_; }
  void set_updates(int64_t n) { updates_ = n; }
  std::span<float> first_moment() { return m_; }
  std::span<float> second_moment() { return v_; }

 private:
  AdamW adamw_;
  double max_grad_norm_;
  int64_t updates_ = 0;
  std::vector<float> m_, v_;
};

}  // namespace fettle
