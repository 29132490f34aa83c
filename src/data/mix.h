// Several datasets as one: LLaMA-Factory's mix_strategy, in the order of `datasets.interleave_datasets`.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/registry.h"

namespace fettle {

enum class MixStrategy : uint8_t {
  concat,            // one behind the other
  interleave_under,  // in turn, until the first has no more
  interleave_over,   // in turn, until every one was through; shorter ones begin anew
  interleave_once,   // in turn, until all are through; shorter ones drop out
};

struct Mixing {
  MixStrategy strategy = MixStrategy::concat;
  std::vector<double> probabilities;  // of every dataset at every turn, summing to 1; none: strictly in turn
};

/// By its name: "concat", "interleave_under" …
MixStrategy mix_strategy(std::string_view name);

/// The records of datasets of these lengths (at least 1 each) in their mixed order, numbered through all of
/// them. Drawn from `seed` where there are probabilities, as NumPy would. Throws Error (its place the key)
/// when the probabilities do not fit the datasets or the mixture would never end or be larger than memory.
std::vector<int64_t> mixed_order(std::span<const int64_t> lengths, const Mixing& mixing, uint64_t seed);

/// The datasets as one: their samples in mixed order, what was left out of any of them.
LoadedSamples mixed(std::vector<LoadedSamples> sets, const Mixing& mixing, uint64_t seed);

}  // namespace fettle
