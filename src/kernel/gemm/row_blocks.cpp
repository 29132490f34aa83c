#include "kernel/gemm/row_blocks.h"

namespace fettle {

namespace {
constexpr int64_t kDecodeRows =
    48;  // decoding and packing a panel costs as much as multiplying so many rows by it
}  // namespace

void RowBlocks::cut(const Segment& run) {
  for (int64_t at = run.begin; at < run.end; at += kMaxRows) {
    blocks_.push_back({at, std::min(kMaxRows, run.end - at), padded_, run.adapter});
    padded_ += blocks_.back().padded();
  }
}

void RowBlocks::group(int64_t count) {
  group_begin_.clear();
  group_begin_.push_back(0);
  for (int64_t i = 1; i < int64_t(blocks_.size()); ++i) {
    const int64_t made = int64_t(group_begin_.size());
    if (made < count && blocks_[size_t(i)].place * count >= made * padded_) group_begin_.push_back(i);
  }
  group_begin_.push_back(int64_t(blocks_.size()));
}

int64_t RowBlocks::max_group_rows() const {
  int64_t most = 0;
  for (int64_t g = 0; g < groups(); ++g) most = std::max(most, fettle::padded_rows(group_at(g)));
  return most;
}

int64_t choose_groups(int64_t rows, int64_t panels, int threads, int64_t most_rows) {
  const int64_t least = (rows + most_rows - 1) / most_rows;
  int64_t best = least;
  double best_cost = 0;
  for (int64_t groups = least; groups <= least + 4 * threads && (groups - 1) * 64 < rows; ++groups) {
    const int64_t rounds = (groups * panels + threads - 1) / threads;
    const double cost = double(rounds) * (double(rows) / double(groups) + kDecodeRows);
    if (groups == least || cost < best_cost) {
      best = groups;
      best_cost = cost;
    }
  }
  return best;
}

}  // namespace fettle
