#include "base/plan.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "base/error.h"

namespace fettle {

Slot Booking::book(std::string name, int64_t rows, int64_t cols, DType type) {
  FETTLE_CHECK(rows >= 0 && cols >= 0, "{}: {}x{}", name, rows, cols);
  const int64_t bytes = round_up(round_up(rows, 16) * row_bytes(type, cols), 64);
  const Slot slot{.offset = top_, .rows = rows, .cols = cols, .type = type};
  top_ += bytes;
  peak_ = std::max(peak_, top_);
  lines_.push_back({std::move(name), bytes, marks_ > 0});
  return slot;
}

Arena::Arena(int64_t bytes) : size_(round_up(bytes, 64)) {
  if (size_ == 0) return;
  constexpr int64_t kHuge = 2 << 20;
  const int64_t mapped = round_up(size_, kHuge);
  void* p = ::mmap(nullptr, size_t(mapped), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED)
    throw Error({.what = fmt::format("cannot reserve {} bytes of memory", mapped),
                 .where = "",
                 .hint = "lower cutoff_len or per_device_train_batch_size"});
  if (mapped >= 16 * kHuge) ::madvise(p, size_t(mapped), MADV_HUGEPAGE);
  data_ = {static_cast<std::byte*>(p), Unmap{mapped}};
}

void Arena::Unmap::operator()(std::byte* p) const {
  ::munmap(p, size_t(size));
}

Buf Arena::at(const Slot& slot, int64_t rows) const {
  if (!slot) return {};
  FETTLE_CHECK(rows <= slot.rows, "{} rows wanted, {} planned", rows, slot.rows);
  FETTLE_CHECK(slot.offset + rows * row_bytes(slot.type, slot.cols) <= size_, "slot beyond the arena");
  return {data_.get() + slot.offset, rows, slot.cols, slot.cols, slot.type};
}

void Arena::zero(const Slot& slot, int64_t rows) const {
  const Buf b = at(slot, rows);
  if (b) std::memset(b.p, 0, size_t(rows * row_bytes(slot.type, slot.cols)));
}

}  // namespace fettle
