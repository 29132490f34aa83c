#include "base/utf8.h"

#include <gtest/gtest.h>

namespace fettle {

TEST(Utf8, RepairsBrokenBytesOneByOne) {
  EXPECT_EQ(repaired_utf8("a\xff\xfe"
                          "b"),
            "a\uFFFD\uFFFDb");
  EXPECT_EQ(repaired_utf8("é漢😀"), "é漢😀");
  EXPECT_TRUE(valid_utf8("é漢😀"));
  EXPECT_FALSE(valid_utf8("\xc0\x80"));      // overlong
  EXPECT_FALSE(valid_utf8("\xed\xa0\x80"));  // a surrogate
}

TEST(Utf8, CompletePrefixHoldsBackAnUnfinishedCharacter) {
  const std::string face = "x😀";
  EXPECT_EQ(complete_utf8_prefix(face), 5u);
  for (size_t cut = 2; cut < 5; ++cut) EXPECT_EQ(complete_utf8_prefix(face.substr(0, cut)), 1u) << cut;
  EXPECT_EQ(complete_utf8_prefix("ab"), 2u);
  EXPECT_EQ(complete_utf8_prefix("a\x80\x80\x80"), 4u);  // broken, not unfinished: nothing would complete it
}

TEST(Utf8, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(display_width("ab"), 2);
  EXPECT_EQ(display_width("漢字"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
}

}  // namespace fettle
