// Plan, then run: every buffer is booked by name before anything is allocated; the same offsets are used at
// run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/buf.h"

namespace fettle {

/// A place in an Arena, fixed at plan time. `rows` is a capacity: run time may use fewer.
struct Slot {
  int64_t offset = -1;  // bytes; -1: not booked (the buffer does not exist in this mode)
  int64_t rows = 0, cols = 0;
  DType type = DType::f32;

  explicit operator bool() const { return offset >= 0; }
};

/// The ledger of one arena. Saved buffers stack up; scratch booked between mark() and release() is reused by
/// the next block, and the peak is remembered.
class Booking {
 public:
  struct Line {
    std::string name;
    int64_t bytes;
    bool scratch;
  };

  /// Books rows × cols elements, 64-byte aligned; the row count is rounded up to 16, because microkernels
  /// come in multiples of 16 tokens and may read (never count) the rows behind the last.
  Slot book(std::string name, int64_t rows, int64_t cols, DType type);

  /// Scratch: everything booked after mark() may be overwritten after release().
  int64_t mark() {
    ++marks_;
    return top_;
  }
  void release(int64_t mark) {
    top_ = mark;
    --marks_;
  }

  int64_t peak_bytes() const { return peak_; }
  const std::vector<Line>& lines() const { return lines_; }

 private:
  int64_t top_ = 0, peak_ = 0;
  int marks_ = 0;
  std::vector<Line> lines_;
};

/// The bytes behind a Booking, zeroed and 64-byte aligned (2 MiB, as huge pages, where large).
class Arena {
 public:
  Arena() = default;
  explicit Arena(int64_t bytes);
  /// The buffer of a slot with `rows` ≤ capacity rows in use. An unbooked slot gives an empty Buf.
  Buf at(const Slot& slot, int64_t rows) const;
  Buf at(const Slot& slot) const { return at(slot, slot.rows); }
  /// Zeroes the first `rows` rows of a slot.
  void zero(const Slot& slot, int64_t rows) const;
  int64_t size() const { return size_; }

 private:
  struct Unmap {
    int64_t size;
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Unmap> data_{nullptr, Unmap{0}};
  int64_t size_ = 0;
};

constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

}  // namespace fettle
