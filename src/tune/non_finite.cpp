#include "tune/non_finite.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "tune/run.h"

namespace fettle {

namespace {
std::optional<std::string> first_of(std::span<const float> values, const LoraEntry& e,
                                    std::string_view what) {
  if (!all_finite(values.subspan(size_t(e.a_at), size_t(e.rank * e.in))))
    return fmt::format("{} {}.lora_A", what, e.module);
  if (!all_finite(values.subspan(size_t(e.b_at), size_t(e.out * e.rank))))
    return fmt::format("{} {}.lora_B", what, e.module);
  return std::nullopt;
}
}  // namespace

bool all_finite(std::span<const float> values) {
  return std::ranges::all_of(values, [](float v) { return std::isfinite(v); });
}

void name_unusable(const Batch& batch, std::span<const float> logprob, std::vector<int64_t>& samples) {
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    const int64_t begin = batch.cu_targets[size_t(s)], end = batch.cu_targets[size_t(s) + 1];
    if (!all_finite(logprob.subspan(size_t(begin), size_t(end - begin))))
      samples.push_back(int64_t(batch.sample_keys[size_t(s)]));
  }
}

std::optional<std::string> first_non_finite_parameter(const LoraAdapter& adapter) {
  for (const LoraEntry& e : adapter.entries())
    if (auto found = first_of(adapter.params(), e, "parameter")) return found;
  return std::nullopt;
}

std::optional<std::string> first_non_finite_gradient(LoraAdapter& adapter) {
  const auto entries = adapter.entries();
  for (size_t i = entries.size(); i-- > 0;)
    if (auto found = first_of(adapter.grads(), entries[i], "gradient of")) return found;
  return std::nullopt;
}

// Where a step first went wrong, in the order it happens: parameters, the outputs of the blocks, gradients.
std::string Run::first_non_finite(int64_t step, bool in_loss) {
  if (auto parameter = first_non_finite_parameter(*adapter_)) return *parameter;
  for (const Batch& batch : batches_) {
    if (!in_loss || batch.sequences() == 0) continue;
    const Segment whole{0, batch.tokens(), 0};
    if (std::string block = network_->first_non_finite(view_of(batch, whole, step), targets_of(batch));
        !block.empty())
      return "output of " + block;
  }
  return first_non_finite_gradient(*adapter_).value_or(in_loss ? "the logits" : "the gradient's norm");
}

void Run::require_finite(int64_t step, const StepSums& sums, double norm) {
  const bool loss_fits = std::isfinite(sums.loss);
  if (loss_fits && std::isfinite(norm)) return;
  std::vector<int64_t> samples = sums.unusable;
  if (samples.empty())
    for (const Batch& batch : batches_)
      samples.insert(samples.end(), batch.sample_keys.begin(), batch.sample_keys.end());
  constexpr size_t kNamed = 5;
  std::vector<std::string> places;
  for (size_t i = 0; i < std::min(kNamed, samples.size()); ++i)
    places.push_back(session_.data.train.place(samples[i]).text());
  throw Error(
      {.what = fmt::format("the {} of step {} is not finite; first in {}. The adapter was not updated",
                           loss_fits ? "gradient" : "loss", step + 1, first_non_finite(step, !loss_fits)),
       .where = fmt::format("{}{}", fmt::join(places, ", "), samples.size() > kNamed ? " …" : ""),
       .hint = "lower learning_rate, or look at the samples named"});
}

}  // namespace fettle
