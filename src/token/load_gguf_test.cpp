#include <gtest/gtest.h>

#include "base/error.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "token/tokenizer.h"

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
  std::vector<std::byte> bytes;
  write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); }, m,
             {});
  return load_tokenizer(*GgufFile::parse(bytes, "t.gguf"));
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
  EXPECT_THROW(t->kind(8), InvariantError);
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

TEST(LoadGguf, RefusesWhatItDoesNotKnow) {
  expect_error(metadata("gpt-5"), "tokenizer.ggml.pre is \"gpt-5\"");
  GgufMetadata m = metadata();
  m.set_text("tokenizer.ggml.model", "llama");
  expect_error(m, "tokenizer.ggml.model is \"llama\"");
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
