// How the rows of a batch are cut for loop nests: into blocks of at most 128 rows of one adapter, and those
// into groups that a task works through with one decoded panel.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "base/plan.h"
#include "kernel/ops.h"

namespace fettle {

/// Rows [begin, begin + count) of one adapter.
struct RowBlock {
  int64_t begin, count;
  int64_t place;    // Σ padded() of the blocks before: where its rows lie in a tile of all blocks
  int32_t adapter;  // -1: base alone

  /// Rows of the block where tokens are contracted: a multiple of 16, the last ones zeros.
  int64_t padded() const { return round_up(count, 16); }
};

class RowBlocks {
 public:
  static constexpr int64_t kMaxRows = 128;

  /// Blocks of [0, tokens). `adapters`: whether an adapter index has a delta in the call at hand; without
  /// any, segments do not cut. Keeps its memory.
  template <class HasDelta>
  void build(std::span<const Segment> segments, int64_t tokens, const HasDelta& has_delta) {
    blocks_.clear();
    padded_ = 0;
    Segment run{0, 0, -1};
    for (const Segment& s : segments) {
      const int32_t adapter = s.adapter >= 0 && has_delta(s.adapter) ? s.adapter : -1;
      if (adapter != run.adapter) {
        cut(run);
        run = {s.begin, s.begin, adapter};
      }
      run.end = s.end;
    }
    if (segments.empty()) run.end = tokens;
    cut(run);
  }

  std::span<const RowBlock> all() const { return blocks_; }
  /// Rows with padding.
  int64_t padded_rows() const { return padded_; }

  /// Cuts the blocks into `count` runs of nearly equal padded rows (fewer when there are not so many blocks).
  void group(int64_t count);
  int64_t groups() const { return int64_t(group_begin_.size()) - 1; }
  std::span<const RowBlock> group_at(int64_t i) const {
    return std::span(blocks_).subspan(size_t(group_begin_[size_t(i)]),
                                      size_t(group_begin_[size_t(i) + 1] - group_begin_[size_t(i)]));
  }
  /// Most padded rows of a group.
  int64_t max_group_rows() const;

 private:
  void cut(const Segment& run);

  int64_t padded_ = 0;
  std::vector<RowBlock> blocks_;
  std::vector<int64_t> group_begin_;
};

/// Padded rows of a run of blocks.
inline int64_t padded_rows(std::span<const RowBlock> blocks) {
  return blocks.empty() ? 0 : blocks.back().place + blocks.back().padded() - blocks.front().place;
}

/// How many groups of rows serve `panels` panels best on `threads` threads: more groups balance the threads,
/// but every group decodes its panels again, at the cost of computing `decode_rows` rows; and none may have
/// more than `most_rows`.
int64_t choose_groups(int64_t rows, int64_t panels, int threads, int64_t most_rows);

}  // namespace fettle
