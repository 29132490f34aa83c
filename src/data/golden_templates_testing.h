// What the golden tests of templates share: LLaMA-Factory's numbers and the small tokenizer they were made
// with.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/file.h"
#include "data/dataset.h"

namespace fettle {

/// A template whose answers have no end of their own; none of ours is (yet).
inline constexpr std::string_view kSolarUser[] = {"### User:\n{{content}}\n\n### Assistant:\n"};
inline constexpr std::string_view kSolarSystem[] = {"### System:\n{{content}}\n\n"},
                                  kSolarAnswer[] = {"{{content}}"};
inline constexpr TemplateRow kSolar = {.name = "solar",
                                       .user = kSolarUser,
                                       .assistant = kSolarAnswer,
                                       .system = kSolarSystem,
                                       .efficient_eos = true};

class GoldenTemplates : public testing::Test {
 protected:
  static std::filesystem::path folder() { return std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden"; }
  static nlohmann::json read_golden(const char* name) {
    return nlohmann::json::parse(read_text(folder() / name));
  }

  ChatTemplate chat(const std::string& name, ThinkingRules thinking = {}) const {
    return name == "solar" ? ChatTemplate(kSolar, tokenizer_, "", thinking)
                           : ChatTemplate(name, tokenizer_, "", thinking);
  }
  /// Labels from the golden's runs.
  static std::vector<int32_t> labels_of(const nlohmann::json& encoding) {
    const std::vector<int32_t> ids = encoding["ids"];
    std::vector<int32_t> labels(ids.size(), kIgnoreIndex);
    for (const nlohmann::json& run : encoding["trained"])
      for (size_t i = run[0]; i < run[1].get<size_t>(); ++i) labels[i] = ids[i];
    for (const nlohmann::json& other : encoding.value("other", nlohmann::json::array()))
      labels[other[0]] = other[1];
    return labels;
  }

  const std::shared_ptr<const Tokenizer> tokenizer_ = load_tokenizer(folder() / "templates_tokenizer");
};

}  // namespace fettle
