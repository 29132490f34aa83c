#include "tune/reach.h"

#include <fmt/format.h>

#include <algorithm>

namespace fettle {

namespace {
// Runs that taught SmolLM2 and Llama something new moved by 0.01 and more (1e-4 over a hundred updates); the
// lesson that changed nothing by 0.0019 (2e-5 over 94).
constexpr double kLeast = 0.004, kUsual = 0.02;
constexpr double kUsualLow = 1e-4, kUsualHigh = 1e-3, kTooHigh = 5e-3;
constexpr int64_t kTrial = 20;  // updates
}  // namespace

std::string reach_warning(double learning_rate, int64_t updates) {
  if (updates <= kTrial) return {};
  if (learning_rate > kTooHigh)
    return fmt::format("learning_rate: {:g} is more than LoRA runs bear as a rule; {:g} to {:g} is usual",
                       learning_rate, kUsualLow, kUsualHigh);
  const double reach = learning_rate * double(updates);
  if (reach >= kLeast) return {};
  const double better = std::clamp(kUsual / double(updates), kUsualLow, kUsualHigh);
  return fmt::format(
      "learning_rate: {:g} over {} updates moves no weight of the adapter by more than {:.2g}, which "
      "hardly changes an answer; learning_rate: {:.0e} would, or more epochs",
      learning_rate, updates, reach, better);
}

}  // namespace fettle
