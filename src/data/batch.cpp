#include <limits>
#include <numeric>

#include "base/error.h"
#include "base/shuffle.h"
#include "data/dataset.h"

namespace fettle {

void Batch::clear() {
  ids.clear();
  positions.clear();
  cu_seqlens.assign(1, 0);
  sample_keys.clear();
  target_rows.clear();
  target_tokens.clear();
  cu_targets.assign(1, 0);
}

void Batch::append(const Dataset& dataset, int64_t i) {
  if (cu_seqlens.empty()) clear();
  const std::span<const int32_t> new_ids = dataset.ids(i), labels = dataset.labels(i);
  const int64_t begin = tokens(), length = int64_t(new_ids.size());
  FETTLE_CHECK(begin + length <= std::numeric_limits<int32_t>::max());
  ids.insert(ids.end(), new_ids.begin(), new_ids.end());
  for (int64_t t = 0; t < length; ++t) positions.push_back(int32_t(t));
  // The row of token t predicts token t + 1 of the same sequence; the last row of a sequence predicts
  // nothing.
  for (int64_t t = 1; t < length; ++t) {
    if (labels[size_t(t)] == kIgnoreIndex) continue;
    target_rows.push_back(int32_t(begin + t - 1));
    target_tokens.push_back(labels[size_t(t)]);
  }
  cu_seqlens.push_back(int32_t(tokens()));
  cu_targets.push_back(int32_t(targets()));
  sample_keys.push_back(uint64_t(i));
}

std::vector<int64_t> epoch_order(int64_t size, uint64_t seed, int64_t epoch, bool shuffle) {
  if (shuffle) {
    Rng rng(seed, Purpose::shuffle, uint32_t(epoch));
    return shuffled(size, rng);
  }
  std::vector<int64_t> order(static_cast<size_t>(size));
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace fettle
