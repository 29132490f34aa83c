#include "token/added_tokens.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {

namespace {
// Segments written out: text as it is, tokens as [id:text].
std::string split(std::vector<AddedToken> tokens, std::string_view text, bool parse_special = true) {
  std::string out;
  size_t size = 0;
  for (const Segment& s : AddedTokenMatcher(std::move(tokens)).split(text, parse_special)) {
    if (!out.empty()) out += '|';
    out += s.id < 0 ? std::string(s.text) : '[' + std::to_string(s.id) + ':' + std::string(s.text) + ']';
    size += s.text.size();
  }
  EXPECT_EQ(size, text.size());
  return out;
}

TEST(AddedTokens, LongestAtTheLeftmostPlace) {
  const std::vector<AddedToken> tokens = {{.content = "<a>", .id = 1},
                                          {.content = "<a>b", .id = 2},
                                          {.content = "<a>bcd", .id = 3},
                                          {.content = "bc", .id = 4}};
  EXPECT_EQ(split(tokens, "x<a>y"), "x|[1:<a>]|y");
  EXPECT_EQ(split(tokens, "<a>bc<a>bcd"), "[2:<a>b]|c|[3:<a>bcd]");
  EXPECT_EQ(split(tokens, "<a><a"), "[1:<a>]|<a");
  EXPECT_EQ(split(tokens, "bbc"), "b|[4:bc]");
  EXPECT_EQ(split(tokens, ""), "");
  EXPECT_EQ(split({}, "text"), "text");
}

TEST(AddedTokens, SpecialTokensAreTextWithoutParseSpecial) {
  const std::vector<AddedToken> tokens = {
      {.content = "<s>", .id = 1, .special = true}, {.content = "<t>", .id = 2}, {.content = "s>x", .id = 3}};
  EXPECT_EQ(split(tokens, "<s><t>"), "[1:<s>]|[2:<t>]");
  EXPECT_EQ(split(tokens, "<s><t>", false), "<s>|[2:<t>]");
  EXPECT_EQ(split(tokens, "<s>x s>x", false), "<s>x |[3:s>x]") << "what overlaps a special token is text too";
}

TEST(AddedTokens, WhiteSpaceTakenAlong) {
  const std::vector<AddedToken> tokens = {{.content = "<l>", .id = 1, .lstrip = true},
                                          {.content = "<r>", .id = 2, .rstrip = true}};
  EXPECT_EQ(split(tokens, "a \n\u3000<l> b"), "a|[1: \n\u3000<l>]| b");
  EXPECT_EQ(split(tokens, "a <r>\t\u00a0b"), "a |[2:<r>\t\u00a0]|b");
  EXPECT_EQ(split(tokens, "<r>  <l>"), "[2:<r>  ]|[1:<l>]") << "not what a token before took";
  EXPECT_EQ(split(tokens, " <l>"), "[1: <l>]");
}

TEST(AddedTokens, SingleWords) {
  const std::vector<AddedToken> tokens = {{.content = "cat", .id = 1, .single_word = true}};
  EXPECT_EQ(split(tokens, "cat, (cat) cat"), "[1:cat]|, (|[1:cat]|) |[1:cat]");
  for (const char* text : {"cats", "concat", "cat_", "écat", "cat9", "cat\u0301", "cat\u200d"}) {
    EXPECT_EQ(split(tokens, text), text);
  }
  EXPECT_EQ(split(tokens, "½cat—"), "½|[1:cat]|—");
}

TEST(AddedTokens, BrokenPromises) {
  EXPECT_THROW(AddedTokenMatcher({{.content = "a", .id = 1}, {.content = "a", .id = 2}}), InvariantError);
  EXPECT_THROW(AddedTokenMatcher({{.content = "", .id = 1}}), InvariantError);
}
}  // namespace

}  // namespace fettle
