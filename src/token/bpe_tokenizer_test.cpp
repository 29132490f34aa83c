#include "token/bpe_tokenizer.h"

#include <gtest/gtest.h>

#include "token/byte_level.h"

namespace fettle {

namespace {
using Ids = std::vector<int32_t>;

// All bytes under their own ids, "ab" 256, and what `added` brings.
BpeTokenizer tokenizer(std::vector<AddedToken> added, bool nfc = false) {
  std::vector<std::string> forms;
  for (int b = 0; b < 256; ++b) forms.push_back(byte_level_form(std::string(1, char(b))));
  forms.push_back("ab");
  std::vector<TokenKind> kinds(forms.size(), TokenKind::normal);
  BpeTokenizerParts parts{.in_model = std::vector<bool>(forms.size(), true),
                          .model = {.merges = {{'a', 'b', 256}}},
                          .added = added};
  for (const AddedToken& token : added) {
    forms.push_back(token.content);
    kinds.push_back(TokenKind::user_defined);
    parts.in_model.push_back(false);
  }
  return {std::make_unique<Vocabulary>(std::move(forms), std::move(kinds), "test"),
          std::make_unique<ByteLevelRules>(*pretokenizer_by_gguf_name("gpt-2"), nfc), std::move(parts)};
}

TEST(BpeTokenizer, AnyBytesComeBack) {
  const BpeTokenizer t = tokenizer({});
  for (std::string text :
       {"\xff", "a\xc3", "ab\xe4\xbd ab\x80\x80", "\xed\xa0\x80x", "\xc0\xaf", "é\xf0\x9f\x99\x82\xf0\x9f"}) {
    std::string bytes;
    for (int32_t id : t.encode(text, true)) bytes += t.bytes_of(id);
    EXPECT_EQ(bytes, text);
  }
  EXPECT_EQ(t.encode("ab\xff\xfe"
                     "ab",
                     true),
            (Ids{256, 0xff, 0xfe, 256}));
}

TEST(BpeTokenizer, BrokenBytesHideNoTokensBesideThem) {
  const BpeTokenizer t = tokenizer({{.content = "<x>", .id = 257}, {.content = "<\ufffd>", .id = 258}});
  EXPECT_EQ(t.encode("\xff<x>\xff", true), (Ids{0xff, 257, 0xff}));
  EXPECT_EQ(t.encode("<\ufffd>", true), (Ids{258})) << "a written replacement character is no broken byte";
}

TEST(BpeTokenizer, NormalizedTokensAreSoughtInNormalizedText) {
  const std::vector<AddedToken> added = {{.content = "e\u0301", .id = 257, .normalized = true},
                                         {.content = "o\u0301", .id = 258, .normalized = false}};
  const BpeTokenizer t = tokenizer(added, /*nfc=*/true);
  EXPECT_EQ(t.encode("\u00e9", true), (Ids{257})) << "the token's content is normalized too";
  EXPECT_EQ(t.encode("e\u0301", true), (Ids{257}));
  EXPECT_EQ(t.encode("o\u0301", true), (Ids{258})) << "found in the text as it came";
  EXPECT_EQ(t.encode("\u00f3", true), (Ids{0xc3, 0xb3}));
  EXPECT_EQ(tokenizer(added).encode("\u00e9", true), (Ids{0xc3, 0xa9})) << "without NFC nothing is composed";
}

// A model with more rows than tokens can choose one of the rows that stand for nothing.
TEST(BpeTokenizer, AnIdPastTheLastTokenIsNoText) {
  const BpeTokenizer t = tokenizer({});
  EXPECT_EQ(t.kind(257), TokenKind::unused);
  EXPECT_EQ(t.bytes_of(257), "");
  EXPECT_EQ(t.decode(Ids{'a', 257, 'b'}, true), "ab");
  StreamDecoder stream(t);
  EXPECT_EQ(stream.push(257) + stream.push('a') + stream.finish(), "a");
}

TEST(BpeTokenizer, DescribesItself) {
  EXPECT_EQ(tokenizer({}).describe(), "byte-level BPE, pre-tokenizer gpt-2, 257 tokens");
  EXPECT_EQ(tokenizer({}, true).describe(), "byte-level BPE, pre-tokenizer gpt-2, NFC, 257 tokens");
}
}  // namespace

}  // namespace fettle
