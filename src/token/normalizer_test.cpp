#include "token/normalizer.h"

#include <gtest/gtest.h>

namespace fettle {

namespace {
TEST(Normalizer, ComposesAndOrdersMarks) {
  EXPECT_EQ(nfc("e\u0301"), "\u00e9");
  EXPECT_EQ(nfc("o\u0308\u0323"), "\u1ecd\u0308");
  EXPECT_EQ(nfc("\u1100\u1161\u11a8"), "\uac01");
  EXPECT_EQ(nfc("\u212b"), "\u00c5");
}

TEST(Normalizer, LeavesTheRestAlone) {
  EXPECT_EQ(nfc(""), "");
  EXPECT_EQ(nfc("plain\r\n\ttext"), "plain\r\n\ttext");
  EXPECT_EQ(nfc("ﬁ ² 你好"), "ﬁ ² 你好") << "compatibility forms stay";
  const std::string with_nul("é\0é", 5);
  EXPECT_EQ(nfc(with_nul), with_nul);
}
}  // namespace

}  // namespace fettle
