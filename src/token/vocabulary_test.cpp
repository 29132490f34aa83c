#include "token/vocabulary.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {

namespace {
Vocabulary vocabulary(std::vector<std::string> forms) {
  std::vector<TokenKind> kinds(forms.size(), TokenKind::normal);
  return {std::move(forms), std::move(kinds), "v.json"};
}

std::string error_of(auto&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

TEST(Vocabulary, FindsFormsButNoHoles) {
  const Vocabulary v = vocabulary({"a", "", "Ġb", ""});
  EXPECT_EQ(v.size(), 4);
  EXPECT_EQ(v.id_of("Ġb"), 2);
  EXPECT_EQ(v.id_of(""), std::nullopt);
  EXPECT_EQ(v.id_of(" b"), std::nullopt);
}

TEST(Vocabulary, OneFormTwice) {
  const std::string message = error_of([] { vocabulary({"a", "b", "a"}); });
  EXPECT_NE(message.find("v.json: tokens 0 and 2 are both \"a\""), message.npos) << message;
}

TEST(Vocabulary, Merges) {
  const Vocabulary v = vocabulary({"a", "b", "ab"});
  const BpeMerge m = resolve_merge(v, "a", "b", 0, "merges");
  EXPECT_EQ(m.left, 0);
  EXPECT_EQ(m.right, 1);
  EXPECT_EQ(m.result, 2);
  const std::string message = error_of([&] { resolve_merge(v, "b", "a", 7, "merges"); });
  EXPECT_NE(message.find("v.json: merges[7] merges \"b\" and \"a\""), message.npos) << message;
  EXPECT_NE(message.find("no token \"ba\""), message.npos) << message;
  EXPECT_NE(error_of([&] { resolve_merge(v, "x", "a", 7, "merges"); }).find("no token \"x\""), message.npos);
}

TEST(Vocabulary, MergeTexts) {
  const auto [left, right] = split_merge("Ġa b", 0, "merges", "v.json");
  EXPECT_EQ(left, "Ġa");
  EXPECT_EQ(right, "b");
  for (const char* text : {"", "ab", " b", "a ", "a b c", " "}) {
    const std::string message = error_of([&] { split_merge(text, 3, "merges", "v.json"); });
    EXPECT_NE(message.find("v.json: merges[3]"), message.npos) << message;
  }
}
}  // namespace

}  // namespace fettle
