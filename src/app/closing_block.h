// What a training run ends with: where things lie, what to do next, and how Python loads the adapter.
#pragma once

#include <string>

#include "tune/trainer.h"

namespace fettle::app {

/// `own_template`: the LLaMA-Factory name of the model's own chat template, "" when it has none that is
/// known.
std::string closing_block(const TrainResult& result, const std::string& own_template,
                          const std::string& config);

}  // namespace fettle::app
