#include "token/byte_level.h"

#include <gtest/gtest.h>

#include <set>

namespace fettle {

namespace {
TEST(ByteLevel, EveryByteHasACharacterOfItsOwn) {
  std::set<std::string> forms;
  for (int b = 0; b < 256; ++b) {
    const std::string byte(1, char(b)), form = byte_level_form(byte);
    EXPECT_EQ(bytes_of_byte_level(form), byte) << b;
    forms.insert(form);
  }
  EXPECT_EQ(forms.size(), 256u);
}

TEST(ByteLevel, KnownCharacters) {
  EXPECT_EQ(byte_level_form(" the\n\t"), "ĠtheĊĉ");
  EXPECT_EQ(byte_level_form("\x7f"), "ġ");  // U+0121
  EXPECT_EQ(byte_level_form("\xad"), "Ń");  // U+0143, the last stand-in
  EXPECT_EQ(byte_level_form("é"), "Ã©");
  EXPECT_EQ(bytes_of_byte_level("ä½ł"), "\xe4\xbd\xa0");
}

TEST(ByteLevel, CharactersOutsideTheAlphabet) {
  for (const char* form : {"a b", "你", "\xc2\xad", "ń", "\n", "a\xff"})
    EXPECT_FALSE(bytes_of_byte_level(form)) << form;
  EXPECT_EQ(bytes_of_byte_level(""), "");
}
}  // namespace

}  // namespace fettle
