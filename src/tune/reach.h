// How far a run can move its adapter.
#pragma once

#include <cstdint>
#include <string>

namespace fettle {

/// A word about a run that moves too little to change an answer, or so much at once that LoRA runs diverge;
/// empty where it is sound. An update of AdamW moves a parameter by about the learning rate, and B begins at
/// zero, so learning rate × updates bounds what the run can do. Runs of a few updates are trials and get no
/// word.
std::string reach_warning(double learning_rate, int64_t updates);

/// What a LoRA run of so many updates moves far enough by: one significant digit.
double usual_learning_rate(int64_t updates);

}  // namespace fettle
