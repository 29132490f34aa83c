#include "tune/objective/cross_entropy.h"

#include <algorithm>

namespace fettle {

void CrossEntropy::weigh(const Targets&, std::span<const float>, std::span<float> weight) {
  std::fill(weight.begin(), weight.end(), float(-1.0 / denominator_));
}

double CrossEntropy::loss(const Targets&, std::span<const float> logprob) {
  double sum = 0;
  for (float lp : logprob) sum -= lp;
  return sum / denominator_;
}

}  // namespace fettle
