#include "data/mix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>

#include "base/error.h"
#include "data/numpy_random.h"

namespace fettle {

namespace {

constexpr int64_t kMostRecords = 100'000'000;

struct StrategyName {
  std::string_view name;
  MixStrategy strategy;
};
constexpr StrategyName kStrategies[] = {
    {"concat", MixStrategy::concat},
    {"interleave_under", MixStrategy::interleave_under},
    {"interleave_over", MixStrategy::interleave_over},
    {"interleave_once", MixStrategy::interleave_once},
};

[[noreturn]] void fail(std::string what, std::string hint) {
  throw Error({.what = std::move(what), .where = "interleave_probs", .hint = std::move(hint)});
}

void check_probabilities(const Mixing& mixing, size_t datasets) {
  constexpr double kTolerance = 1e-8;  // NumPy's
  const std::vector<double>& shares = mixing.probabilities;
  if (shares.size() != datasets)
    fail(fmt::format("there are {} shares for {} datasets", shares.size(), datasets),
         "name one for every dataset, in their order");
  if (std::ranges::any_of(shares, [](double p) { return !(p >= 0); }))
    fail("a share is below 0", "shares are probabilities that add up to 1");
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  if (!(std::abs(sum - 1) <= kTolerance))
    fail(fmt::format("the shares add up to {:g}", sum), "shares are probabilities that add up to 1");
  // With interleave_under a dataset may well be left out.
  if (mixing.strategy != MixStrategy::interleave_under && std::ranges::count(shares, 0.0) > 0)
    fail("a dataset with share 0 is never read to its end, which this mix_strategy waits for",
         "leave the dataset out, or give it a share");
}

/// Numbers through all datasets: where each begins.
std::vector<int64_t> begins_of(std::span<const int64_t> lengths) {
  std::vector<int64_t> begins(lengths.size());
  std::exclusive_scan(lengths.begin(), lengths.end(), begins.begin(), int64_t{0});
  return begins;
}

[[noreturn]] void fail_too_many() {
  throw Error({.what = fmt::format("the mixture would take more than {} turns", kMostRecords),
               .where = "mix_strategy",
               .hint = "mix_strategy: interleave_once or concat, or greater shares for the long datasets"});
}

// Every dataset once a round.
std::vector<int64_t> in_turn(std::span<const int64_t> lengths, MixStrategy strategy) {
  const std::vector<int64_t> begins = begins_of(lengths);
  const int64_t rounds =
      strategy == MixStrategy::interleave_under ? std::ranges::min(lengths) : std::ranges::max(lengths);
  if (rounds > kMostRecords / int64_t(lengths.size())) fail_too_many();
  std::vector<int64_t> order;
  for (int64_t round = 0; round < rounds; ++round)
    for (size_t i = 0; i < lengths.size(); ++i)
      if (round < lengths[i] || strategy == MixStrategy::interleave_over)
        order.push_back(begins[i] + round % lengths[i]);
  return order;
}

bool is_over(MixStrategy strategy, std::span<const int64_t> taken, std::span<const int64_t> lengths) {
  int64_t through = 0;
  for (size_t i = 0; i < lengths.size(); ++i) through += taken[i] >= lengths[i];
  return through >= (strategy == MixStrategy::interleave_under ? 1 : int64_t(lengths.size()));
}

// A dataset drawn every time.
std::vector<int64_t> drawn(std::span<const int64_t> lengths, const Mixing& mixing, uint64_t seed) {
  const std::vector<int64_t> begins = begins_of(lengths);
  std::vector<double> bounds(lengths.size());
  std::partial_sum(mixing.probabilities.begin(), mixing.probabilities.end(), bounds.begin());
  const double sum = bounds.back();
  for (double& bound : bounds) bound /= sum;
  NumpyRandom random(seed);
  std::vector<int64_t> order, taken(lengths.size());
  for (int64_t turn = 0; !is_over(mixing.strategy, taken, lengths); ++turn) {
    if (turn == kMostRecords) fail_too_many();
    const size_t i = size_t(std::ranges::upper_bound(bounds, random.next()) - bounds.begin());
    if (mixing.strategy == MixStrategy::interleave_once && taken[i] == lengths[i]) continue;
    order.push_back(begins[i] + taken[i]++ % lengths[i]);
  }
  return order;
}

}  // namespace

MixStrategy mix_strategy(std::string_view name) {
  const auto row = std::ranges::find(kStrategies, name, &StrategyName::name);
  FETTLE_CHECK(row != std::end(kStrategies), "mix_strategy {}", name);
  return row->strategy;
}

std::vector<int64_t> mixed_order(std::span<const int64_t> lengths, const Mixing& mixing, uint64_t seed) {
  FETTLE_CHECK(!lengths.empty() && std::ranges::min(lengths) > 0);
  if (!mixing.probabilities.empty()) check_probabilities(mixing, lengths.size());
  if (lengths.size() == 1 || mixing.strategy == MixStrategy::concat) {
    std::vector<int64_t> order(size_t(std::reduce(lengths.begin(), lengths.end())));
    std::iota(order.begin(), order.end(), 0);
    return order;
  }
  return mixing.probabilities.empty() ? in_turn(lengths, mixing.strategy) : drawn(lengths, mixing, seed);
}

LoadedSamples mixed(std::vector<LoadedSamples> sets, const Mixing& mixing, uint64_t seed) {
  LoadedSamples out;
  std::vector<int64_t> lengths;
  std::vector<Sample*> samples;  // through all sets
  for (LoadedSamples& set : sets) {
    lengths.push_back(int64_t(set.samples.size()));
    for (Sample& sample : set.samples) samples.push_back(&sample);
    std::ranges::move(set.skipped, std::back_inserter(out.skipped));
  }
  const std::vector<int64_t> order = mixed_order(lengths, mixing, seed);
  std::vector<int64_t> uses(samples.size());
  for (int64_t i : order) ++uses[size_t(i)];
  for (int64_t i : order)
    out.samples.push_back(--uses[size_t(i)] > 0 ? *samples[size_t(i)] : std::move(*samples[size_t(i)]));
  out.records = int64_t(out.samples.size() + out.skipped.size());
  return out;
}

}  // namespace fettle
