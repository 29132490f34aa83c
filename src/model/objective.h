// What is optimised, seen through log-probabilities of the supervised tokens. Declared here, implemented in
// tune/.
#pragma once

#include <cstdint>
#include <span>

namespace fettle {

/// The supervised positions of one packed batch: hidden row `rows[i]` predicts token `tokens[i]`; they stand
/// in row order.
struct Targets {
  std::span<const int32_t> rows, tokens;
  std::span<const int32_t> cu_targets;  // [sequences + 1]: which of them belong to each sequence
};

class Objective {
 public:
  virtual ~Objective() = default;
  /// True when weigh() needs no log-probabilities: head and loss then run forward and backward in one pass.
  virtual bool one_pass() const = 0;
  /// Writes dLoss/dlogprob[i] into weight. logprob is empty when one_pass().
  virtual void weigh(const Targets&, std::span<const float> logprob, std::span<float> weight) = 0;
  /// The batch's contribution to the step's loss, from the log-probabilities (ascending order, double).
  virtual double loss(const Targets&, std::span<const float> logprob) = 0;
};

}  // namespace fettle
