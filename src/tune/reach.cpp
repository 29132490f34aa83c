#include "tune/reach.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace fettle {

namespace {
// Runs that taught SmolLM2 and Llama something new moved by 0.01 and more (1e-4 over a hundred updates); the
// lesson that changed nothing by 0.0019 (2e-5 over 94).
constexpr double kLeast = 0.004, kUsual = 0.02;
constexpr double kUsualLow = 1e-4, kUsualHigh = 1e-3, kTooHigh = 5e-3;
constexpr int64_t kTrial = 20;  // updates
}  // namespace

double usual_learning_rate(int64_t updates) {
  const double rate = std::clamp(kUsual / double(std::max<int64_t>(updates, 1)), kUsualLow, kUsualHigh);
  const double digit = std::pow(10, std::floor(std::log10(rate) + 1e-9));
  return std::round(rate / digit) * digit;
}

std::string reach_warning(double learning_rate, int64_t updates) {
  if (updates <= kTrial) return {};
  if (learning_rate > kTooHigh)
    return fmt::format("learning_rate: {:g} is more than LoRA runs bear as a rule; {:g} to {:g} is usual",
                       learning_rate, kUsualLow, kUsualHigh);
  const double reach = learning_rate * double(updates);
  if (reach >= kLeast) return {};
  return fmt::format(
      "learning_rate: {:g} over {} updates moves no weight of the adapter by more than {:.2g}, which "
      "hardly changes an answer; learning_rate: {:.0e} would, or more epochs",
      learning_rate, updates, reach, usual_learning_rate(updates));
}

}  // namespace fettle
