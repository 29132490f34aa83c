#include "data/text_signs.h"

#include <gtest/gtest.h>

namespace fettle {
namespace {

TEST(EncodingSign, FindsTextReadInTheWrongEncoding) {
  for (const char* broken : {
           "CafÃ© au lait",  // é as Latin-1
           "itâ€™s late",    // ’ as cp1252
           "ä½ å¥½",         // 你好 as cp1252
           "浣犲ソ锛屼笘鐣屻€",
           "锟斤拷",  // UTF-8 as GBK, and its ruins
           "lost \xef\xbf\xbd here",
           "bell \x07",
       })
    EXPECT_FALSE(encoding_sign(broken).empty()) << broken;
}

TEST(EncodingSign, LeavesHonestTextAlone) {
  for (const char* good : {
           "Plain text,\twith a tab\r\nand lines.",
           "Le café, « CAFÉ », naïve – 5 €",
           "Ärger mit Ünicode: größer",
           "Москва и Санкт-Петербург",
           "你好，世界。这是一个测试。",
           "日本語の文章です。",
           "São Paulo, à moda antiga",
           "tiếng Việt có dấu",
           "a ± b ≤ c × 2²",
       })
    EXPECT_EQ(encoding_sign(good), "") << good;
}

TEST(UnclosedSign, CountsFencesAndTags) {
  EXPECT_EQ(unclosed_sign("```c\nint x;\n```"), "");
  EXPECT_FALSE(unclosed_sign("```c\nint x;\n").empty());
  EXPECT_EQ(unclosed_sign("<think>hm</think> yes, 1 < 2"), "");
  EXPECT_FALSE(unclosed_sign("<think>hm, yes").empty());
  EXPECT_FALSE(unclosed_sign("hm</answer>").empty());
  EXPECT_EQ(unclosed_sign("<div class=\"a\">x</div>"), "");
}

TEST(LanguageOf, TellsByLettersAndByWords) {
  EXPECT_EQ(language_of("The capital of France is the city that you think it is."), "English");
  EXPECT_EQ(language_of("La capitale est dans le nord, pour ceux qui ne sont pas sur la carte."), "French");
  EXPECT_EQ(language_of("Die Hauptstadt ist nicht weit und liegt auf einem Hügel mit der Burg."), "German");
  EXPECT_EQ(language_of("中国的首都是北京，用 Python 写程序。"), "Chinese");
  EXPECT_EQ(language_of("東京は日本の首都です。"), "Japanese");
  EXPECT_EQ(language_of("Столица находится далеко отсюда"), "Cyrillic");
  EXPECT_EQ(language_of("42"), "");
  EXPECT_EQ(language_of("int main() { return x; }"), "") << "code has no language";
}

TEST(NormalizedText, KeepsLettersAndDigits) {
  EXPECT_EQ(normalized_text("  Hello, World!\n 2nd "), "helloworld2nd");
  EXPECT_EQ(normalized_text("你好，世界。"), "你好世界");
  EXPECT_EQ(normalized_text("naïve — “x”"), "naïvex");
  EXPECT_EQ(normalized_text(" ?!… "), "");
}

}  // namespace
}  // namespace fettle
