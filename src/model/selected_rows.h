// Some rows of a batch as a batch of its own: those whose output is wanted. What works row by row
// (projections, norms, MLPs, the head) need run on no others; attention must.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernel/ops.h"

namespace fettle {

class SelectedRows {
 public:
  /// Memory for so many, once: select() then allocates only for segments, while their number grows.
  void reserve(int64_t rows, int64_t sequences);
  /// `rows` ascending. Every row keeps its position, its sample and its adapter, so that it also drops the
  /// same elements.
  void select(const BatchView& batch, std::span<const int32_t> rows);
  /// Valid until the next select(); refers to the batch's sample keys.
  const BatchView& view() const { return view_; }

 private:
  BatchView view_;
  std::vector<int32_t> ids_, positions_, cu_seqlens_;
  std::vector<Segment> segments_;
};

}  // namespace fettle
