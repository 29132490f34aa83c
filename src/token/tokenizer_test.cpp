#include "token/tokenizer.h"

#include <gtest/gtest.h>

namespace fettle {

namespace {
// Tokens by id; the last one is a control token.
class Pieces final : public Tokenizer {
 public:
  explicit Pieces(std::vector<std::string> pieces, bool drops_first_space = false)
      : pieces_(std::move(pieces)), drops_first_space_(drops_first_space) {}
  std::vector<int32_t> encode(std::string_view, bool) const override { return {}; }
  std::string bytes_of(int32_t id) const override { return pieces_[size_t(id)]; }
  TokenKind kind(int32_t id) const override {
    return id + 1 == vocab_size() ? TokenKind::control : TokenKind::normal;
  }
  int64_t vocab_size() const override { return int64_t(pieces_.size()); }
  std::optional<int32_t> id_of(std::string_view) const override { return std::nullopt; }
  const SpecialIds& special() const override { return special_; }
  bool drops_first_space() const override { return drops_first_space_; }
  std::string describe() const override { return "pieces"; }

 private:
  std::vector<std::string> pieces_;
  bool drops_first_space_;
  SpecialIds special_;
};

// 🙂 in three tokens, a lone lead byte, a control token.
const Pieces kPieces({"a", "\xf0\x9f", "\x99", "\x82!", "\xe4\xbd", "<|end|>"});

TEST(Tokenizer, DecodesAcrossTokens) {
  const int32_t ids[] = {0, 1, 2, 3, 5, 0};
  EXPECT_EQ(kPieces.decode(ids, true), "a🙂!a");
  EXPECT_EQ(kPieces.decode(ids, false), "a🙂!<|end|>a");
}

TEST(Tokenizer, TheFirstSpaceIsDroppedOnce) {
  const Pieces pieces({"", " ", " a", "<|end|>"}, /*drops_first_space=*/true);
  const auto streamed = [&](std::span<const int32_t> ids) {
    StreamDecoder stream(pieces);
    std::string text;
    for (int32_t id : ids) text += stream.push(id);
    return text + stream.finish();
  };
  const std::pair<std::vector<int32_t>, std::string> cases[] = {
      {{2, 2}, "a a"}, {{1, 2}, " a"}, {{3, 0, 2, 1}, "a "}, {{}, ""}, {{1}, ""}};
  for (const auto& [ids, text] : cases) {
    EXPECT_EQ(pieces.decode(ids, true), text);
    EXPECT_EQ(streamed(ids), text);
  }
  EXPECT_EQ(pieces.decode(std::vector<int32_t>{3, 2}, false), "<|end|> a");
}

TEST(Tokenizer, BrokenBytesBecomeTheReplacementCharacter) {
  const int32_t ids[] = {0, 2, 0, 4};
  EXPECT_EQ(kPieces.decode(ids, true), "a\ufffda\ufffd\ufffd");
}

TEST(StreamDecoder, WaitsForWholeCharacters) {
  StreamDecoder stream(kPieces);
  EXPECT_EQ(stream.push(0), "a");
  EXPECT_EQ(stream.push(1), "");
  EXPECT_EQ(stream.push(2), "");
  EXPECT_EQ(stream.push(3), "🙂!");
  EXPECT_EQ(stream.push(5), "");
  EXPECT_EQ(stream.finish(), "");
}

TEST(StreamDecoder, BrokenBytes) {
  StreamDecoder stream(kPieces);
  EXPECT_EQ(stream.push(4), "");
  EXPECT_EQ(stream.push(0), "\ufffd\ufffda") << "no character can come of the two any more";
  EXPECT_EQ(stream.push(1), "");
  EXPECT_EQ(stream.finish(), "\ufffd\ufffd");
  EXPECT_EQ(stream.finish(), "");
}
}  // namespace

}  // namespace fettle
