#include "format/columnar/snappy.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {
namespace {

using namespace std::string_literals;

std::string unpacked(const std::string& block, size_t size) {
  std::string out(size, '?');
  try {
    unpack_snappy(block, out);
  } catch (const Error& error) {
    return "! " + error.parts().what;
  }
  return out;
}

// Tags by the format's description: the two lowest bits tell literals and the three copies apart.
TEST(Snappy, EveryElement) {
  EXPECT_EQ(unpacked("\x05\x10hello"s, 5), "hello");
  EXPECT_EQ(unpacked("\x08\x00"s + "a\x0d\x01"s, 8), "aaaaaaa"s + "a");  // copy 1: seven from one back
  EXPECT_EQ(unpacked("\x06\x08"s + "abc\x0a\x03\x00"s, 6), "abcabc");    // copy 2: three from three back
  EXPECT_EQ(unpacked("\x05\x08"s + "abc\x07\x02\x00\x00\x00"s, 5), "abcbc");
  const std::string longer(300, 'x');
  EXPECT_EQ(unpacked("\xac\x02\xf4\x2b\x01"s + longer, 300), longer);
}

TEST(Snappy, BrokenBlocksAreErrors) {
  EXPECT_EQ(unpacked("\x06\x10hello"s, 5), "! snappy data of 6 bytes where 5 were promised");
  EXPECT_EQ(unpacked("\x05\x08"
                     "abc"s,
                     5),
            "! snappy data that ends after 3 of 5 bytes");
  EXPECT_EQ(unpacked("\x02\x08"
                     "abc"s,
                     2),
            "! snappy data that unpacks to more than the 2 bytes promised");
  EXPECT_EQ(unpacked("\x05\x10"
                     "abc"s,
                     5),
            "! a snappy literal of 5 bytes where 3 are left");
  EXPECT_EQ(unpacked("\x05\x00"
                     "a\x01\x02"s,
                     5),
            "! snappy data that copies from 2 bytes back, 1 bytes in");
  EXPECT_EQ(unpacked("\x05\x00"
                     "a\x01\x00"s,
                     5),
            "! snappy data that copies from 0 bytes back, 1 bytes in");
  EXPECT_EQ(unpacked("\x02\x00"
                     "a\x01\x01"s,
                     2),
            "! snappy data that unpacks to more than the 2 bytes promised");
}

}  // namespace
}  // namespace fettle
