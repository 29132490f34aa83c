#include "base/plan.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {

TEST(Plan, ScratchIsReusedAndThePeakRemembered) {
  Booking book;
  const Slot saved = book.book("saved", 16, 16, DType::f32);
  const int64_t mark = book.mark();
  const Slot first = book.book("first", 16, 64, DType::f32);
  book.release(mark);
  const Slot second = book.book("second", 16, 16, DType::f32);
  EXPECT_EQ(saved.offset, 0);
  EXPECT_EQ(first.offset, second.offset);
  EXPECT_EQ(book.peak_bytes(), 16 * 16 * 4 + 16 * 64 * 4);
  EXPECT_EQ(book.lines().size(), 3u);
}

TEST(Plan, RowsAreRoundedUpToSixteen) {
  Booking book;
  book.book("a", 1, 32, DType::bf16);
  EXPECT_EQ(book.peak_bytes(), 16 * 32 * 2);
}

TEST(Plan, ArenaGivesZeroedAlignedBuffersAndChecksCapacity) {
  Booking book;
  const Slot a = book.book("a", 3, 5, DType::f32), b = book.book("b", 40, 8, DType::bf16);
  const Arena arena(book.peak_bytes());
  const Buf buf = arena.at(b, 33);
  EXPECT_EQ(buf.rows, 33);
  EXPECT_EQ(buf.ld, 8);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buf.p) % 64, 0u);
  EXPECT_GE(static_cast<std::byte*>(buf.p) - static_cast<std::byte*>(arena.at(a).p), 16 * 5 * 4);
  for (int64_t r = 0; r < 33; ++r)
    for (int c = 0; c < 8; ++c) ASSERT_EQ(buf.row<uint16_t>(r)[c], 0);
  EXPECT_THROW(arena.at(b, 41), InvariantError);
  EXPECT_FALSE(bool(arena.at(Slot{})));
}

}  // namespace fettle
