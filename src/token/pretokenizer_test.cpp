#include "token/pretokenizer.h"

#include <gtest/gtest.h>

#include <set>

namespace fettle {

namespace {
using Pieces = std::vector<std::string_view>;

Pieces split(std::string_view gguf_name, std::string_view text) {
  const PretokenizerRow* row = pretokenizer_by_gguf_name(gguf_name);
  EXPECT_NE(row, nullptr) << gguf_name;
  return Pretokenizer(*row).split(text);
}

TEST(Pretokenizer, NamesAreDistinctAndFound) {
  std::set<std::string_view> names;
  for (const PretokenizerRow& row : pretokenizers()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    for (std::string_view rest = row.gguf; !rest.empty();) {
      const std::string_view name = rest.substr(0, rest.find(' '));
      EXPECT_EQ(pretokenizer_by_gguf_name(name), &row) << name;
      rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    }
    EXPECT_NE(pretokenizer_by_patterns(row.steps()), nullptr) << row.name;
  }
  for (const char* name : {"", " ", "gpt", "gpt-2 phi-2", "llama-4"}) {
    EXPECT_EQ(pretokenizer_by_gguf_name(name), nullptr) << name;
  }
}

TEST(Pretokenizer, FoundByAllItsPatterns) {
  const std::string_view smollm[] = {kDigitPattern, kGpt2Pattern};
  EXPECT_EQ(pretokenizer_by_patterns(smollm), pretokenizer_by_gguf_name("smollm"));
  EXPECT_EQ(pretokenizer_by_patterns({smollm + 1, 1}), pretokenizer_by_gguf_name("gpt-2"));
  EXPECT_EQ(pretokenizer_by_patterns({smollm, 1}), nullptr);
  EXPECT_EQ(pretokenizer_by_patterns({}), nullptr);
}

TEST(Pretokenizer, Gpt2) {
  EXPECT_EQ(split("gpt-2", "I'm  you'LL 123 é!?\n\n x"),
            (Pieces{"I", "'m", " ", " you", "'", "LL", " 123", " é", "!?", "\n\n", " x"}));
  EXPECT_EQ(split("gpt-2", ""), Pieces{});
  EXPECT_EQ(split("gpt-2", "  "), Pieces{"  "});
}

TEST(Pretokenizer, EveryStepSplitsThePiecesOfTheOneBefore) {
  // The space before a digit is a piece of its own: the look-ahead of the second step ends at the first
  // step's cut.
  EXPECT_EQ(split("smollm", "in  42 ways"), (Pieces{"in", "  ", "4", "2", " ways"}));
  EXPECT_EQ(split("smollm", "½x٣"), (Pieces{"½", "x", "٣"}));
  EXPECT_EQ(split("default", "a12345$=b"), (Pieces{"a", "123", "45", "$=", "b"}));
}

TEST(Pretokenizer, Llama3AndQwen2DifferInDigits) {
  EXPECT_EQ(split("llama-bpe", "x 12345'LL\r\n  y_z"),
            (Pieces{"x", " ", "123", "45", "'LL", "\r\n", " ", " y", "_z"}));
  EXPECT_EQ(split("qwen2", "x 12345"), (Pieces{"x", " ", "1", "2", "3", "4", "5"}));
}

TEST(Pretokenizer, WhiteSpaceIsUnicodes) {
  // U+180E is none; U+0085 and U+3000 are.
  EXPECT_EQ(split("gpt-2", "a\u180e\u180eb"), (Pieces{"a", "\u180e\u180e", "b"}));
  EXPECT_EQ(split("gpt-2", "!\u180e!"), (Pieces{"!\u180e!"}));
  EXPECT_EQ(split("gpt-2", "!\u0085\u3000!"), (Pieces{"!", "\u0085", "\u3000", "!"}));
}

TEST(Pretokenizer, LongRunsNeedNoStack) {
  for (const PretokenizerRow& row : pretokenizers()) {
    const Pretokenizer pretokenizer(row);
    for (const char* unit : {" ", "a", "\n", "!", "é", " \n"}) {
      std::string text;
      for (int i = 0; i < 100'000; ++i) text += unit;
      text += "x";
      size_t size = 0;
      for (std::string_view piece : pretokenizer.split(text)) size += piece.size();
      EXPECT_EQ(size, text.size()) << row.name;
    }
  }
}
}  // namespace

}  // namespace fettle
