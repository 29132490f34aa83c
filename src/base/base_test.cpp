#include <gtest/gtest.h>

#include "base/half.h"
#include "base/plan.h"
#include "base/rng.h"
#include "base/thread_pool.h"

namespace fettle {

TEST(Half, RoundTripsEveryF16) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const f16_t h{uint16_t(bits)};
    const bool nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff);
    if (!nan) ASSERT_EQ(to_f16(to_float(h)).bits, h.bits) << bits;
  }
}

TEST(Half, Bf16RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);  // a tie goes to even
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001u)).bits, 0x3f81);
}

// Known answers of Philox4x32-10 (Random123 distribution, kat_vectors).
TEST(Rng, PhiloxKnownAnswers) {
  const Philox zero = philox(0, 0, 0, 0, 0);
  EXPECT_EQ(zero.word[0], 0x6627e8d5u);
  EXPECT_EQ(zero.word[1], 0xe169c58du);
  EXPECT_EQ(zero.word[2], 0xbc57ac4cu);
  EXPECT_EQ(zero.word[3], 0x9b00dbd8u);
}

TEST(ThreadPool, RunsEveryIndexOnce) {
  ThreadPool pool(3);
  std::vector<int> hits(1000);
  for (int round = 0; round < 50; ++round) pool.parallel_for(1000, [&](int64_t i, int) { ++hits[size_t(i)]; });
  for (int h : hits) ASSERT_EQ(h, 50);
}

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
}

}  // namespace fettle
