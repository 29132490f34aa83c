#include <gtest/gtest.h>

#include <cmath>

#include "base/error.h"
#include "token/golden_testing.h"

namespace fettle {

namespace {
const std::vector<std::string> kTokens = {"a", "b", "ab", "<s>", "</s>", "é", "Ġ", "ĠĠ"};
const std::vector<int32_t> kTypes = {1, 1, 1, 3, 3, 4, 1, 5};
const std::vector<std::string> kMerges = {"a b"};

GgufMetadata metadata(std::string_view pre = "gpt-2") {
  GgufMetadata m;
  m.set_text("tokenizer.ggml.model", "gpt2");
  m.set_text("tokenizer.ggml.pre", pre);
  m.set_texts("tokenizer.ggml.tokens", kTokens);
  m.set_i32s("tokenizer.ggml.token_type", kTypes);
  m.set_texts("tokenizer.ggml.merges", kMerges);
  m.set_u32("tokenizer.ggml.bos_token_id", 3);
  m.set_u32("tokenizer.ggml.eos_token_id", 4);
  m.set_u32("tokenizer.ggml.padding_token_id", 4);
  return m;
}

std::shared_ptr<const Tokenizer> load(const GgufMetadata& m) {
  return testing::tokenizer_of(m, "t.gguf");
}

void expect_error(const GgufMetadata& m, std::string_view part) {
  try {
    load(m);
    ADD_FAILURE() << "no error; expected " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), "t.gguf");
    EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
  }
}

TEST(LoadGguf, TokensKindsAndSpecialIds) {
  const auto t = load(metadata());
  EXPECT_EQ(t->vocab_size(), 8);
  EXPECT_EQ(t->encode("ab ba<s>é", true), (std::vector<int32_t>{2, 6, 1, 0, 3, 5}));
  EXPECT_EQ(t->kind(0), TokenKind::normal);
  EXPECT_EQ(t->kind(3), TokenKind::control);
  EXPECT_EQ(t->kind(5), TokenKind::user_defined);
  EXPECT_EQ(t->kind(7), TokenKind::unused);
  EXPECT_EQ(t->bytes_of(6), " ");
  EXPECT_EQ(t->bytes_of(5), "é") << "added tokens are plain text";
  EXPECT_EQ(t->bytes_of(4), "</s>");
  EXPECT_EQ(t->id_of("</s>"), 4);
  EXPECT_EQ(t->id_of("x"), std::nullopt);
  EXPECT_EQ(t->special().bos, 3);
  EXPECT_EQ(t->special().eos, 4);
  EXPECT_EQ(t->special().pad, 4);
  EXPECT_EQ(t->special().unk, -1);
  EXPECT_EQ(t->kind(8), TokenKind::unused) << "past the last token";
  EXPECT_THROW(t->bytes_of(-1), InvariantError);
}

TEST(LoadGguf, WhatTheFileLeavesUnsaid) {
  EXPECT_FALSE(load(metadata())->special().add_bos);
  EXPECT_TRUE(load(metadata("llama-bpe"))->special().add_bos);
  GgufMetadata m = metadata("llama-bpe");
  m.set_flag("tokenizer.ggml.add_bos_token", false);
  m.set_flag("tokenizer.ggml.add_eos_token", true);
  EXPECT_FALSE(load(m)->special().add_bos);
  EXPECT_TRUE(load(m)->special().add_eos);
  m.erase("tokenizer.ggml.pre");
  EXPECT_NE(load(m)->describe().find("pre-tokenizer default"), std::string::npos);
  m.erase("tokenizer.ggml.token_type");
  EXPECT_EQ(load(m)->kind(3), TokenKind::normal);
}

// "▁ab" over "a": scores decide, whatever the ids.
const std::vector<std::string> kPieces = {"<unk>", "<s>", "</s>", "<0x41>",  "<0xC3>",   "<0xA9>", "\u2581",
                                          "a",     "b",   "ab",   "\u2581a", "\u2581ab", "\n\n",   "\u2581b"};
const std::vector<int32_t> kPieceTypes = {2, 3, 3, 6, 6, 6, 1, 1, 1, 1, 1, 1, 4, 5};
const std::vector<float> kScores = {0, 0, 0, 0, 0, 0, -9, -9, -9, -2, -1, -3, -100, -4};

GgufMetadata sentence_piece() {
  GgufMetadata m;
  m.set_text("tokenizer.ggml.model", "llama");
  m.set_texts("tokenizer.ggml.tokens", kPieces);
  m.set_i32s("tokenizer.ggml.token_type", kPieceTypes);
  m.set_f32s("tokenizer.ggml.scores", kScores);
  return m;
}

TEST(LoadGguf, SentencePiece) {
  const auto t = load(sentence_piece());
  EXPECT_EQ(t->describe(),
            "SentencePiece BPE, space before text, 14 tokens, 253 byte values without a token");
  EXPECT_EQ(t->kind(3), TokenKind::byte);
  EXPECT_EQ(t->bytes_of(3), "A");
  EXPECT_EQ(t->bytes_of(11), " ab");
  EXPECT_EQ(t->bytes_of(12), "\n\n");
  EXPECT_EQ(t->encode("ab ab", true), (std::vector<int32_t>{11, 11}));
  EXPECT_EQ(t->encode("aab", true), (std::vector<int32_t>{10, 9})) << "the best score merges first";
  EXPECT_EQ(t->encode("b", true), (std::vector<int32_t>{6, 8})) << "what is unused is not made";
  EXPECT_EQ(t->encode("A\u00e9\u4f60\u597da", true), (std::vector<int32_t>{6, 3, 4, 5, 0, 7}));
  EXPECT_EQ(t->encode("a<s>b\n\na", true), (std::vector<int32_t>{10, 1, 6, 8, 12, 10}));
  EXPECT_EQ(t->decode(std::vector<int32_t>{1, 10, 10}, true), "a a");
  EXPECT_EQ(t->special().bos, 1);
  EXPECT_EQ(t->special().eos, 2);
  EXPECT_EQ(t->special().unk, 0);
  EXPECT_TRUE(t->special().add_bos) << "what the format leaves unsaid";
  EXPECT_FALSE(t->special().add_eos);
  GgufMetadata m = sentence_piece();
  m.set_flag("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(load(m)->encode("ab", true), (std::vector<int32_t>{9}));
  EXPECT_EQ(load(m)->decode(std::vector<int32_t>{10}, true), " a");
}

TEST(LoadGguf, BrokenSentencePiece) {
  GgufMetadata m = sentence_piece();
  m.set_flag("tokenizer.ggml.remove_extra_whitespaces", true);
  expect_error(m, "tokenizer.ggml.remove_extra_whitespaces true is not supported");
  m = sentence_piece();
  m.set_f32s("tokenizer.ggml.scores", std::vector<float>{0, 1});
  expect_error(m, "tokenizer.ggml.scores has 2 entries for 14 tokens");
  std::vector<float> scores = kScores;
  scores[7] = NAN;
  m.set_f32s("tokenizer.ggml.scores", scores);
  expect_error(m, "tokenizer.ggml.scores[7] is not a number");
  m = sentence_piece();
  std::vector<std::string> pieces = kPieces;
  pieces[4] = "<0xc3>";
  m.set_texts("tokenizer.ggml.tokens", pieces);
  expect_error(m, "token 4 stands for a byte, but is \"<0xc3>\"");
  pieces[4] = kPieces[4];
  pieces[9] = std::string(1025, 'a');
  m.set_texts("tokenizer.ggml.tokens", pieces);
  expect_error(m, "token 9 has 1025 bytes, expected at most 1024");
}

TEST(LoadGguf, RefusesWhatItDoesNotKnow) {
  expect_error(metadata("gpt-5"), "tokenizer.ggml.pre is \"gpt-5\"");
  GgufMetadata m = metadata();
  m.set_text("tokenizer.ggml.model", "bert");
  expect_error(m, "tokenizer.ggml.model is \"bert\"");
}

TEST(LoadGguf, BrokenFiles) {
  for (const char* key : {"tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.merges"}) {
    GgufMetadata m = metadata();
    m.erase(key);
    expect_error(m, key);
  }
  GgufMetadata m = metadata();
  m.set_u32("tokenizer.ggml.eos_token_id", 8);
  expect_error(m, "tokenizer.ggml.eos_token_id is 8, but there are 8 tokens");
  m = metadata();
  m.set_i32s("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1});
  expect_error(m, "2 entries for 8 tokens");
  m.set_i32s("tokenizer.ggml.token_type", std::vector<int32_t>{1, 1, 6, 3, 3, 4, 1, 5});
  expect_error(m, "tokenizer.ggml.token_type[2] is 6");
  m = metadata();
  m.set_texts("tokenizer.ggml.merges", std::vector<std::string>{"a b", "ab"});
  expect_error(m, "tokenizer.ggml.merges[1] is \"ab\"");
  m.set_texts("tokenizer.ggml.merges", std::vector<std::string>{"b a"});
  expect_error(m, "no token \"ba\"");
  m = metadata();
  m.set_texts("tokenizer.ggml.tokens",
              std::vector<std::string>{"a", "b", "ab", "<s>", "</s>", "\xff", "Ġ", "x"});
  expect_error(m, "tokenizer.ggml.tokens[5]");
}
}  // namespace

}  // namespace fettle
