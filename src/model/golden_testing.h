// For tests: the golden numbers of tests/golden/FAMILY_tiny.json, one case for each variant in it.
#pragma once

#include <map>

#include "model/model_testing.h"

namespace fettle::testing {

inline fs::path golden_folder() {
  return fs::path(FETTLE_SOURCE_DIR) / "tests/golden";
}

struct GoldenCase {
  std::string family, variant;

  const nlohmann::json& file() const {
    static std::map<std::string, nlohmann::json> files;
    nlohmann::json& json = files[family];
    if (json.is_null()) json = nlohmann::json::parse(read_text(golden_folder() / (family + "_tiny.json")));
    return json;
  }
  const nlohmann::json& numbers() const { return file().at("variants").at(variant); }
  TinyModel model() const {
    TinyModel tiny(family);
    tiny.config.update(file().at("config"));
    tiny.config.update(numbers().at("config"));
    return tiny;
  }
  /// A trainable adapter on all linears, its parameters from the formula.
  std::unique_ptr<LoraAdapter> adapter(const Model& model) const {
    const nlohmann::json& lora = file().at("lora");
    auto adapter = LoraAdapter::create(
        model, {.rank = lora.at("r"), .alpha = lora.at("lora_alpha"), .targets = lora.at("target_modules")},
        1);
    fill_by_formula(*adapter);
    adapter->make_trainable();
    return adapter;
  }
};

inline std::vector<GoldenCase> golden_cases() {
  return {{"llama", "untied"}, {"llama", "tied"}, {"llama", "llama3_rope"}, {"qwen2", "untied"},
          {"qwen2", "window"}, {"qwen3", "tied"}, {"gemma3", "tied"}};
}

inline std::string golden_case_name(const ::testing::TestParamInfo<GoldenCase>& info) {
  return info.param.family + "_" + info.param.variant;
}

}  // namespace fettle::testing
