#include "format/text_encoding.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {
namespace {

using namespace std::string_view_literals;

template <class Refuse>
std::string told(const Refuse& refuse) {
  try {
    refuse();
  } catch (const Error& error) {
    return error.message();
  }
  return "accepted";
}

std::string wide(std::string_view text) {
  return told([&] { refuse_wide_text(text, "f.json"); });
}

std::string other(std::string_view text, size_t end) {
  return told([&] { refuse_other_encodings(text, end, "f.json"); });
}
std::string other(std::string_view text) {
  return other(text, text.size());
}

TEST(TextEncoding, WideTextsAreToldByMarkOrZeros) {
  const auto expected = [](std::string_view name, bool marked) {
    return fmt::format(
        "f.json: the file is not UTF-8: its first bytes are those of {}{}\n  hint: convert it: iconv "
        "-f {} -t UTF-8 f.json > NEW_FILE",
        name, marked ? ", a byte order mark" : "", name);
  };
  EXPECT_EQ(wide("\xff\xfe[\0"sv), expected("UTF-16LE", true));
  EXPECT_EQ(wide("\xfe\xff\0["sv), expected("UTF-16BE", true));
  EXPECT_EQ(wide("\xff\xfe\0\0[\0\0\0"sv), expected("UTF-32LE", true));
  EXPECT_EQ(wide("\0\0\xfe\xff"sv), expected("UTF-32BE", true));
  EXPECT_EQ(wide("[\0{\0"sv), expected("UTF-16LE", false));
  EXPECT_EQ(wide("\0[\0{"sv), expected("UTF-16BE", false));
  EXPECT_EQ(wide("[\0\0\0"sv), expected("UTF-32LE", false));
  EXPECT_EQ(wide("\0\0\0["sv), expected("UTF-32BE", false));
  for (std::string_view text : {""sv, "["sv, "\xef\xbb\xbf[]"sv, "é"sv, "[]\0"sv})
    EXPECT_EQ(wide(text), "accepted");
}

TEST(TextEncoding, TheFirstBrokenByteAndAGuess) {
  EXPECT_EQ(other("{\"a\":\n \"\xd6\xd0\xce\xc4\"}"),
            "f.json:2:3: the file is not UTF-8: byte 0xD6 at offset 8; it looks like GBK\n  hint: convert "
            "it: iconv -f "
            "GBK -t UTF-8 f.json > NEW_FILE");
  EXPECT_EQ(other("f\xfcr \xc4ra, na\xefve"),
            "f.json:1:2: the file is not UTF-8: byte 0xFC at offset 1; it looks like WINDOWS-1252\n  hint: "
            "convert it: "
            "iconv -f WINDOWS-1252 -t UTF-8 f.json > NEW_FILE");
  EXPECT_EQ(other("你好世界 \xff 你好"),
            "f.json:1:6: the file is not UTF-8: byte 0xFF at offset 13; the text around it is UTF-8, so a "
            "character is "
            "damaged\n  hint: save the file as UTF-8");
  EXPECT_EQ(other("ab\xff\xff\xff\xff"),
            "f.json:1:3: the file is not UTF-8: byte 0xFF at offset 2; what it is instead cannot be told\n  "
            "hint: save "
            "the file as UTF-8");
}

TEST(TextEncoding, OnlyWhatWasReadIsLookedAt) {
  EXPECT_EQ(other("{\"é\": 日本語 👩}"), "accepted");
  EXPECT_EQ(other("abc\xff", 3), "accepted");
  EXPECT_EQ(other("日本", 4), "accepted") << "the end lies inside a character";
  EXPECT_EQ(other("\xef\xbf\xbd"), "accepted") << "the replacement character may stand in a text";
}

TEST(TextEncoding, LongGbkTextsAreKnownWhereverTheyAreCut) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += i % 7 == 0 ? ", a" : "\xb5\xc4\xca\xc7";
  for (size_t skip = 0; skip < 8; ++skip)
    EXPECT_NE(other(text.substr(2 + 4 * skip)).find("looks like GBK"), std::string::npos) << skip;
}

TEST(TextEncoding, PlacesCountCharactersAndNoMark) {
  EXPECT_EQ(line_column("ab\ncd", 4), "2:2");
  EXPECT_EQ(line_column("\xef\xbb\xbf"
                        "ab",
                        4),
            "1:2");
  EXPECT_EQ(line_column("éé!", 4), "1:3");
  EXPECT_EQ(line_column("a", 9), "1:2");
  EXPECT_EQ(byte_order_mark("\xef\xbb\xbf"), 3u);
  EXPECT_EQ(byte_order_mark("\xef\xbb"), 0u);
}

}  // namespace
}  // namespace fettle
