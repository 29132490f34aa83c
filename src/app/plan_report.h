// How `fettle plan` and a dry run print a plan.
#pragma once

#include "tune/trainer.h"

namespace fettle::app {

void print_memory(const RunPlan& plan);
/// What would make a run fit that does not.
void print_remedies(const RunPlan& plan);

}  // namespace fettle::app
