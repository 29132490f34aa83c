// From one container into the other: the same ids, the same kinds.
#include "token/convert.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "token/pretokenizer.h"
#include "token/tokenizer.h"

namespace fettle {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

const std::vector<std::string> kTexts = {"The wheel is true.\n\n<s>Really 1234 times</s>",
                                         "  <|im_start|>user\nNaïve café — 日本語 🙂<|im_end|>\n",
                                         "don't\tit's   we'll\r\n0x7f", ""};

class ConvertTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-convert-XXXXXX";
    dir_ = ::mkdtemp(name);
    source_ = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::shared_ptr<const GgufFile> to_gguf(const fs::path& folder, int64_t rows,
                                          const std::function<void(GgufMetadata&)>& more = {}) {
    GgufMetadata metadata;
    set_gguf_tokenizer(folder, rows, metadata);
    if (more) more(metadata);
    bytes_.clear();
    write_gguf(
        [&](std::span<const std::byte> part) { bytes_.insert(bytes_.end(), part.begin(), part.end()); },
        metadata, {});
    return GgufFile::parse(bytes_, "t.gguf");
  }
  std::shared_ptr<const Tokenizer> to_folder(const GgufFile& file) {
    for (const auto& [name, text] : hf_tokenizer_files(file, 2048)) write_atomic(dir_ / name, text);
    return load_tokenizer(dir_);
  }
  json source(const char* file) { return json::parse(read_text(source_ / file)); }
  // A copy of the source with tokenizer.json changed.
  fs::path changed(const std::function<void(json&)>& change) {
    json t = source("tokenizer.json");
    change(t);
    write_atomic(dir_ / "tokenizer.json", t.dump());
    return dir_;
  }

  fs::path dir_, source_;
  std::vector<std::byte> bytes_;
};

void expect_same(const Tokenizer& a, const Tokenizer& b) {
  for (const std::string& text : kTexts)
    for (bool special : {false, true}) EXPECT_EQ(a.encode(text, special), b.encode(text, special)) << text;
  for (int32_t id = 0; id < int32_t(a.vocab_size()); ++id) {
    ASSERT_EQ(a.kind(id), b.kind(id)) << id;
    ASSERT_EQ(a.bytes_of(id), b.bytes_of(id)) << id;
  }
  EXPECT_EQ(a.special().bos, b.special().bos);
  EXPECT_EQ(a.special().eos, b.special().eos);
  EXPECT_EQ(a.special().pad, b.special().pad);
  EXPECT_EQ(a.special().unk, b.special().unk);
  EXPECT_EQ(a.special().add_bos, b.special().add_bos);
  EXPECT_EQ(a.special().add_eos, b.special().add_eos);
}

TEST_F(ConvertTest, ThereAndBackGivesTheSameIds) {
  const auto original = load_tokenizer(source_);
  const auto file = to_gguf(source_, original->vocab_size());
  expect_same(*original, *load_tokenizer(*file));
  expect_same(*original, *to_folder(*file));
  EXPECT_GT(original->encode(kTexts[0], true).size(), 10u);
}

TEST_F(ConvertTest, RowsWithoutATokenAreUnused) {
  const auto original = load_tokenizer(source_);
  const int64_t size = original->vocab_size();
  const auto file = to_gguf(source_, size + 3);
  const auto padded = load_tokenizer(*file);
  EXPECT_EQ(padded->vocab_size(), size + 3);
  EXPECT_EQ(padded->kind(int32_t(size + 2)), TokenKind::unused);
  EXPECT_EQ(file->texts("tokenizer.ggml.tokens").back(), "[PAD" + std::to_string(size + 2) + "]");
  expect_same(*original, *to_folder(*file));
  try {
    to_gguf(source_, size - 1);
    ADD_FAILURE();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("the embedding has"), std::string::npos) << e.message();
  }
}

TEST_F(ConvertTest, WhatIsPutAroundATextStaysThere) {
  const auto file = to_gguf(source_, load_tokenizer(source_)->vocab_size(), [](GgufMetadata& m) {
    m.set_flag("tokenizer.ggml.add_bos_token", true);
    m.set_flag("tokenizer.ggml.add_eos_token", true);
    m.set_text("tokenizer.chat_template", "{{ messages }}");
  });
  const auto tokenizer = to_folder(*file);
  EXPECT_TRUE(tokenizer->special().add_bos);
  EXPECT_TRUE(tokenizer->special().add_eos);
  const json written = json::parse(read_text(dir_ / "tokenizer.json"));
  EXPECT_EQ(written["model"]["ignore_merges"], false);
  const json single = written["post_processor"]["single"];
  ASSERT_EQ(single.size(), 3u);
  EXPECT_EQ(single[0]["SpecialToken"]["id"], "<s>");
  EXPECT_EQ(single[2]["SpecialToken"]["id"], "</s>");
  const json config = json::parse(read_text(dir_ / "tokenizer_config.json"));
  EXPECT_EQ(config["chat_template"], "{{ messages }}");
  EXPECT_EQ(config["model_max_length"], 2048);
}

// GGUF names a pre-tokenizer, and with it whether whole pieces skip the merges and text is normalised.
TEST_F(ConvertTest, ThePreTokenizersNameSaysWhatGgufHasNoKeyFor) {
  const auto set_pattern = [](json& t, std::string_view gguf) {
    const PretokenizerRow& row = *pretokenizer_by_gguf_name(gguf);
    t["pre_tokenizer"] = {
        {"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"}, {"pattern", {{"Regex", row.patterns[0]}}}, {"behavior", "Isolated"}},
          {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  };
  const auto pre_of = [&](const std::function<void(json&)>& change) {
    const fs::path folder = changed(change);
    return to_gguf(folder, load_tokenizer(folder)->vocab_size())->text("tokenizer.ggml.pre");
  };
  EXPECT_EQ(pre_of([&](json& t) {
              set_pattern(t, "llama-bpe");
              t["model"]["ignore_merges"] = true;
            }),
            "llama-bpe");
  EXPECT_EQ(pre_of([&](json& t) { set_pattern(t, "llama-bpe"); }), "dbrx") << "the merges count";
  EXPECT_EQ(pre_of([&](json& t) {
              set_pattern(t, "qwen2");
              t["normalizer"] = {{"type", "NFC"}};
            }),
            "qwen2");
  try {
    pre_of([&](json& t) { set_pattern(t, "qwen2"); });
    ADD_FAILURE() << "without NFC there is no name";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("GGUF has no name"), std::string::npos) << e.message();
  }
}

}  // namespace
}  // namespace fettle
