#include "base/half.h"

#include <gtest/gtest.h>

#include <cmath>

namespace fettle {

TEST(Half, RoundTripsEveryF16) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const bool nan = (bits & 0x7c00) == 0x7c00 && (bits & 0x3ff) != 0;
    if (nan) continue;
    ASSERT_EQ(to_f16(to_float(f16_t{uint16_t(bits)})).bits, bits);
  }
}

TEST(Half, F16RoundsToNearestEven) {
  EXPECT_EQ(to_f16(1.0f + 0x1p-11f).bits, 0x3c00);      // a tie, down to even
  EXPECT_EQ(to_f16(1.0f + 3 * 0x1p-11f).bits, 0x3c02);  // a tie, up to even
  EXPECT_EQ(to_f16(65519.f).bits, 0x7bff);              // the largest finite
  EXPECT_EQ(to_f16(65520.f).bits, 0x7c00);              // rounds to infinity
  EXPECT_EQ(to_f16(0x1p-25f).bits, 0);                  // a tie with the smallest subnormal
  EXPECT_EQ(to_f16(std::nextafter(0x1p-25f, 1.f)).bits, 1);
}

TEST(Half, Bf16RoundsToNearestEven) {
  EXPECT_EQ(to_bf16(1.0f).bits, 0x3f80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808000u)).bits, 0x3f80);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f818000u)).bits, 0x3f82);
  EXPECT_EQ(to_bf16(std::bit_cast<float>(0x3f808001u)).bits, 0x3f81);
  EXPECT_TRUE(std::isnan(to_float(to_bf16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace fettle
