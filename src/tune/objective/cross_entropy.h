// Next-token cross entropy: the objective of sft and pt.
#pragma once

#include "model/objective.h"

namespace fettle {

/// loss = −Σ log p(target) / denominator, where the denominator is the number of targets of the whole
/// optimizer step (all its micro-batches), so that accumulation changes nothing but the order of sums.
class CrossEntropy final : public Objective {
 public:
  void begin_step(int64_t targets_of_step) { denominator_ = double(targets_of_step); }

  bool one_pass() const override { return true; }
  void weigh(const Targets&, std::span<const float> logprob, std::span<float> weight) override;
  double loss(const Targets&, std::span<const float> logprob) override;

 private:
  double denominator_ = 1;
};

}  // namespace fettle
