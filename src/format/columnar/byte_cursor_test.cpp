#include "format/columnar/byte_cursor.h"

#include <gtest/gtest.h>

namespace fettle {
namespace {

using namespace std::string_literals;

TEST(ByteCursor, Numbers) {
  const std::string bytes = "\x7f\x80\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01\x04\x34\x12"s;
  ByteCursor in(bytes);
  EXPECT_EQ(in.varint("n"), 127u);
  EXPECT_EQ(in.varint("n"), 128u);
  EXPECT_EQ(in.varint("n"), UINT64_MAX);
  EXPECT_EQ(in.zigzag("n"), -1);
  EXPECT_EQ(in.zigzag("n"), 2);
  EXPECT_EQ(in.read<uint16_t>("n"), 0x1234);
  EXPECT_THROW(in.read<uint8_t>("n"), Error);
}

TEST(ByteCursor, BrokenNumbersAreErrors) {
  EXPECT_THROW(ByteCursor("\x80\x80").varint("n"), Error);
  EXPECT_THROW(ByteCursor("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01").varint("n"), Error);
  try {
    ByteCursor("ab").take(3, "a name");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what, "a name of 3 bytes where 2 are left");
  }
}

// Every width at every place, against bits read one by one.
TEST(ByteCursor, Bits) {
  std::string bytes;
  for (uint32_t i = 0; i < 24; ++i) bytes += char(uint8_t(i * 2654435761u >> 13));
  for (int width = 0; width <= 64; ++width) {
    for (uint64_t at = 0; at + uint64_t(width) <= bytes.size() * 8; ++at) {
      uint64_t expected = 0;
      for (int b = 0; b < width; ++b) {
        const uint64_t bit = at + uint64_t(b);
        expected |= uint64_t((uint8_t(bytes[bit / 8]) >> (bit % 8)) & 1) << b;
      }
      ASSERT_EQ(bits_at(bytes, at, width), expected) << width << " bits at " << at;
    }
  }
}

}  // namespace
}  // namespace fettle
