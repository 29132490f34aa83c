#include "model/selected_rows.h"

#include <algorithm>

#include "base/error.h"

namespace fettle {

void SelectedRows::reserve(int64_t rows, int64_t sequences) {
  ids_.reserve(size_t(rows));
  positions_.reserve(size_t(rows));
  cu_seqlens_.reserve(size_t(sequences) + 1);
  segments_.reserve(size_t(sequences));
}

void SelectedRows::select(const BatchView& batch, std::span<const int32_t> rows) {
  FETTLE_CHECK(rows.empty() || (rows.front() >= 0 && rows.back() < batch.tokens()), "rows of {} tokens",
               batch.tokens());
  FETTLE_CHECK(std::ranges::is_sorted(rows, std::ranges::less_equal()), "unordered rows");
  const auto before = [&](int64_t row) {
    return std::ranges::lower_bound(rows, int32_t(row)) - rows.begin();
  };
  ids_.clear();
  positions_.clear();
  for (const int32_t row : rows) {
    ids_.push_back(batch.ids[size_t(row)]);
    positions_.push_back(batch.positions[size_t(row)]);
  }
  cu_seqlens_.clear();
  for (const int32_t begin : batch.cu_seqlens) cu_seqlens_.push_back(int32_t(before(begin)));
  segments_.clear();
  for (const Segment& s : batch.segments) segments_.push_back({before(s.begin), before(s.end), s.adapter});
  view_ = batch;
  view_.ids = ids_;
  view_.positions = positions_;
  view_.cu_seqlens = cu_seqlens_;
  view_.segments = segments_;
}

}  // namespace fettle
