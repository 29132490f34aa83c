#include <gtest/gtest.h>

#include <filesystem>

#include "app/progress_line.h"
#include "app/verbs_testing.h"
#include "base/error.h"
#include "model/lora.h"
#include "model/model_testing.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;
using fettle::testing::TestFolder;

std::string path_of(const fs::path& path) {
  return path.string();
}

class InspectTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, model_ / file);
    loaded_ = fettle::testing::load_hf(model_, {});
  }
  TestFolder model_{"inspect_model"}, adapter_{"inspect_adapter"};
  std::shared_ptr<const Model> loaded_;
};

}  // namespace

TEST_F(InspectTest, AModelFolderByFamilyShapeAndTypes) {
  const std::string text = output_of({"inspect", path_of(model_)});
  EXPECT_TRUE(has(text, ": safetensors, a model, "));
  EXPECT_TRUE(has(text, "family      llama\n"));
  EXPECT_TRUE(has(text, "4 heads of 16 (2 for keys and values)"));
  EXPECT_TRUE(has(text, fmt::format("parameters  {} (", grouped(loaded_->parameters()))));
  EXPECT_FALSE(has(text, "model.embed_tokens.weight"));
  EXPECT_TRUE(has(output_of({"inspect", "--tensors", path_of(model_)}), " model.embed_tokens.weight\n"));
}

TEST_F(InspectTest, AnAdapterByItsConfig) {
  const auto adapter = LoraAdapter::create(
      *loaded_, {.rank = 4, .alpha = 8, .targets = {"q_proj", "v_proj"}, .base_model = "models/base"}, 1);
  adapter->save(adapter_);
  const std::string text = output_of({"inspect", path_of(adapter_)});
  EXPECT_TRUE(has(text, ": safetensors, a LoRA adapter, "));
  EXPECT_TRUE(has(text, "base        models/base\n"));
  EXPECT_TRUE(has(text, "rank        4, alpha 8"));
  EXPECT_TRUE(has(text, "targets     q_proj, v_proj\n"));
  EXPECT_TRUE(has(text, fmt::format("parameters  {}\n", grouped(int64_t(adapter->params().size())))));
}

TEST_F(InspectTest, WhatIsNoModelIsNamed) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"inspect"}, {"inspect", "no/such"}, {"inspect", path_of(adapter_)}})
    EXPECT_THROW(run_verb(words), Error);
  const std::string words[] = {"inspect", "--tensor", path_of(model_)};
  try {
    run_verb(words);
    FAIL();
  } catch (const Error& e) {
    EXPECT_TRUE(has(e.message(), "unknown flag --tensor"));
  }
}

}  // namespace fettle::app
