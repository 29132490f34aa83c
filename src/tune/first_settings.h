// Sound values for the first run of a model over data of one's own: what `fettle init` writes.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "model/recompute.h"

namespace fettle {

/// Whether micro-batches of so many samples, each cut to so many tokens, fit into memory at a level.
using FitsMemory = std::function<bool(Recompute level, int64_t batch_size, int64_t cutoff_len)>;

struct FirstSettings {
  int64_t cutoff_len = 0, longest = 0, cut = 0;  // tokens; samples that are longer than cutoff_len
  int64_t batch_size = 1, accumulation = 1;
  int64_t epochs = 1, updates = 0;
  int64_t rank = 8;
  double learning_rate = 0;
  double val_size = 0;  // 0: too few samples to hold any back
  Recompute recompute = Recompute::none;
  bool fits = true;  // false: not even the least of these does
};

/// From the samples' lengths in tokens, ascending and not empty, the model's context and this machine's
/// memory:
///   cutoff_len    what loses nothing, but for a few samples far longer than the rest; at most the context
///   batch         the largest that fits, up to the samples of an update and to what keeps the cores busy
///   samples of an update, epochs, rank    by the number of samples
///   learning_rate by the number of updates (tune/reach.h)
FirstSettings first_settings(std::span<const int64_t> lengths, int64_t context, const FitsMemory& fits);

}  // namespace fettle
