#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "base/file.h"
#include "format/safetensors.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

class ShardsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-shards-XXXXXX";
    dir_ = ::mkdtemp(name);
  }
  void TearDown() override { fs::remove_all(dir_); }

  // F32 vectors a, b, c, … of these lengths; element i of tensor t is 100 t + i.
  std::vector<TensorToWrite> tensors(std::vector<int64_t> lengths) {
    std::vector<TensorToWrite> out;
    for (size_t t = 0; t < lengths.size(); ++t) {
      std::vector<float> values;
      for (int64_t i = 0; i < lengths[t]; ++i) values.push_back(float(100 * t) + float(i));
      out.push_back({.name = std::string(1, char('a' + t)),
                     .type = DType::f32,
                     .shape = {lengths[t]},
                     .produce = [values](const auto& sink) { sink(std::as_bytes(std::span(values))); }});
    }
    return out;
  }
  nlohmann::json index() { return nlohmann::json::parse(read_text(dir_ / "model.safetensors.index.json")); }

  fs::path dir_;
};
}  // namespace

TEST_F(ShardsTest, OneFileWhereItFits) {
  EXPECT_EQ(write_safetensors_model(dir_, tensors({4, 4}), 32),
            std::vector<std::string>{"model.safetensors"});
  EXPECT_FALSE(fs::exists(dir_ / "model.safetensors.index.json"));
  EXPECT_EQ(SafetensorsFile::open_folder(dir_)->tensors().size(), 2u);
}

TEST_F(ShardsTest, ATensorBeginsAShardWhereItWouldNotFit) {
  const auto files = write_safetensors_model(dir_, tensors({4, 5, 2, 1}), 32);
  EXPECT_EQ(files,
            (std::vector<std::string>{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                                      "model.safetensors.index.json"}));
  EXPECT_EQ(index()["weight_map"],
            (nlohmann::json{{"a", files[0]}, {"b", files[1]}, {"c", files[1]}, {"d", files[1]}}));
  EXPECT_EQ(index()["metadata"], (nlohmann::json{{"total_size", 48}, {"total_parameters", 12}}));
}

TEST_F(ShardsTest, ATensorLargerThanAShardHasOneOfItsOwn) {
  const auto files = write_safetensors_model(dir_, tensors({1, 20, 1}), 32);
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(index()["weight_map"], (nlohmann::json{{"a", files[0]}, {"b", files[1]}, {"c", files[2]}}));
}

TEST_F(ShardsTest, ShardsReadBackAsOne) {
  write_safetensors_model(dir_, tensors({4, 5, 2, 1}), 32);
  const auto file = SafetensorsFile::open_folder(dir_);
  ASSERT_EQ(file->tensors().size(), 4u);
  const TensorEntry* c = file->find("c");
  ASSERT_NE(c, nullptr);
  EXPECT_EQ(reinterpret_cast<const float*>(c->data.data())[1], 201);
}

}  // namespace fettle
