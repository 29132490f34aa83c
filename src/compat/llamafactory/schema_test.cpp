// The JSON Schema, judged by a validator that is not ours.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "compat/llamafactory/config_file.h"
#include "compat/llamafactory/front.h"

namespace fettle::llamafactory {
namespace {

using nlohmann::json;

class OptionsSchema : public ::testing::Test {
 protected:
  OptionsSchema() {
    const json text = json::parse(options_schema(option_groups()));
    valijson::SchemaParser().populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema_);
  }
  bool accepts(const json& config) {
    valijson::Validator validator;
    return validator.validate(schema_, valijson::adapters::NlohmannJsonAdapter(config), nullptr);
  }
  /// A scalar of a config file as YAML's core schema reads it.
  static json scalar(const std::string& text) {
    json value = json::parse(text, nullptr, /*allow_exceptions=*/false);
    return value.is_discarded() ? json(text) : value;
  }

  valijson::Schema schema_;
};

TEST_F(OptionsSchema, TakesWhatTheProgramTakes) {
  EXPECT_TRUE(accepts({{"model_name_or_path", "m"},
                       {"lora_rank", 8},
                       {"learning_rate", 1e-4},
                       {"lora_target", "all"},
                       {"dataset", {"a", "b"}},
                       {"stage", "sft"},
                       {"do_train", true},
                       {"flash_attn", "fa2"},
                       {"eval_strategy", "no"},
                       {"eval_strategy", false},
                       {"resume_from_checkpoint", true},
                       {"resume_from_checkpoint", nullptr},
                       {"deepspeed", "ds_z3_config.json"},
                       {"use_dora", nullptr}}));
}

TEST_F(OptionsSchema, RefusesWhatTheProgramRefuses) {
  for (const json& wrong : std::initializer_list<json>{
           {{"lora_rnak", 8}},
           {{"lora_rank", 0}},
           {{"lora_rank", "eight"}},
           {{"lora_rank", 8.5}},
           {{"lora_dropout", 1.5}},
           {{"do_train", "perhaps"}},
           {{"lr_scheduler_type", "zigzag"}},
           {{"use_dora", true}},
           {{"dataset", {{"a", 1}}}},
       })
    EXPECT_FALSE(accepts(wrong)) << wrong;
}

TEST_F(OptionsSchema, EveryDefaultIsValid) {
  for (const OptionGroup& group : option_groups()) {
    for (const OptionRow& row : group.rows) {
      if (row.preset.empty()) continue;
      const bool is_text = row.type == OptionType::text || row.type == OptionType::list;
      const json value = is_text ? json(row.preset) : json::parse(row.preset);
      EXPECT_TRUE(accepts({{std::string(row.name), value}})) << row.name << " " << row.preset;
    }
  }
}

TEST_F(OptionsSchema, TheExamplesAreValid) {
  int files = 0;
  for (const auto& file :
       std::filesystem::recursive_directory_iterator(std::filesystem::path(FETTLE_SOURCE_DIR) / "examples")) {
    if (file.path().extension() != ".yaml") continue;
    json config = json::object();
    for (const ConfigEntry& entry : read_config_file(file.path().string())) {
      if (entry.shape == ConfigEntry::Shape::list)
        config[entry.key] = entry.values;
      else
        config[entry.key] = scalar(entry.values.front());
    }
    EXPECT_TRUE(accepts(config)) << file.path() << " " << config;
    ++files;
  }
  EXPECT_GE(files, 16);
}

}  // namespace
}  // namespace fettle::llamafactory
