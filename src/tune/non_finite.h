// What is said when a step's loss or gradient is not finite: the first tensor where it shows, and the
// samples.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "model/lora.h"

namespace fettle {

/// "parameter model.layers.0.self_attn.q_proj.lora_A" of the first that is not finite; empty when all are.
std::optional<std::string> first_non_finite_parameter(const LoraAdapter& adapter);
/// The same of gradients, in the order the backward makes them: the last layer first.
std::optional<std::string> first_non_finite_gradient(LoraAdapter& adapter);

/// Appends the batch's samples that have a log-probability which is not finite.
void name_unusable(const Batch& batch, std::span<const float> logprob, std::vector<int64_t>& samples);

bool all_finite(std::span<const float> values);

}  // namespace fettle
