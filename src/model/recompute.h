// What a training step keeps of the forward for the backward.
#pragma once

#include <cstdint>

namespace fettle {

enum class Recompute : uint8_t {
  none,   // everything but what a row operation restores (normed inputs, act(gate)·up)
  mlp,    // the MLPs keep their input alone
  block,  // every block keeps its input alone
};

}  // namespace fettle
