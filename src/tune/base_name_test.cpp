#include "tune/base_name.h"

#include <gtest/gtest.h>

#include "format/gguf_writer.h"

namespace fettle {

namespace {
std::string id_of(std::initializer_list<std::pair<const char*, const char*>> texts, int bases = 1) {
  GgufMetadata metadata;
  for (const auto& [key, value] : texts) metadata.set_text(key, value);
  metadata.set_u32("general.base_model.count", uint32_t(bases));
  std::vector<std::byte> bytes;
  write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); },
             metadata, {});
  return hub_id_of(*GgufFile::parse(bytes, "test"));
}
constexpr const char* kBase = "general.base_model.0.repo_url";
}  // namespace

TEST(BaseName, TheSourceIsTheModelItself) {
  EXPECT_EQ(id_of({{"general.source.huggingface.repository", "Qwen/Qwen2.5-0.5B-Instruct"}}),
            "Qwen/Qwen2.5-0.5B-Instruct");
  EXPECT_EQ(id_of({{"general.source.url", "https://huggingface.co/google/gemma-3-270m-it/tree/main"}}),
            "google/gemma-3-270m-it");
  EXPECT_EQ(id_of({}), "");
}

// Training an adapter of the instruct model and naming the pretrained one would load the wrong weights.
TEST(BaseName, WhatAModelWasTunedFromIsNotItsBase) {
  EXPECT_EQ(id_of({{"general.finetune", "Instruct"}, {kBase, "https://huggingface.co/Qwen/Qwen2.5-0.5B"}}),
            "");
  EXPECT_EQ(
      id_of({{"general.finetune", "Instruct"}, {kBase, "https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct"}}),
      "Qwen/Qwen2.5-0.5B-Instruct");
  EXPECT_EQ(id_of({{kBase, "https://huggingface.co/Qwen/Qwen2.5-0.5B"}}), "Qwen/Qwen2.5-0.5B");
  EXPECT_EQ(id_of({{kBase, "https://huggingface.co/Qwen/Qwen2.5-0.5B"}}, 2), "");  // a merge of two
}

TEST(BaseName, OnlyAnIdOfTheHubIsOne) {
  for (const char* url : {"https://example.com/a/b", "https://huggingface.co/a", "a/b/c", "a b/c", "../x"})
    EXPECT_EQ(id_of({{"general.source.repo_url", url}}), "") << url;
}

}  // namespace fettle
