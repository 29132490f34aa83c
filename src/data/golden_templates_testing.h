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

class GoldenTemplates : public testing::Test {
 protected:
  static std::filesystem::path folder() { return std::filesystem::path(FETTLE_SOURCE_DIR) / "tests/golden"; }
  static nlohmann::json read_golden(const char* name) {
    return nlohmann::json::parse(read_text(folder() / name));
  }

  ChatTemplate chat(const std::string& name, ThinkingRules thinking = {}) const {
    return ChatTemplate(name, tokenizer_, {}, thinking);
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

  static std::vector<Message> messages_of(const nlohmann::json& list) {
    const auto role_of = [](const std::string& name) {
      return name == "user"          ? ChatRole::user
             : name == "assistant"   ? ChatRole::assistant
             : name == "observation" ? ChatRole::observation
                                     : ChatRole::function;
    };
    std::vector<Message> messages;
    for (const nlohmann::json& message : list)
      messages.push_back({role_of(message["role"]), message["content"]});
    return messages;
  }
  static std::vector<Message> messages_of_texts(const nlohmann::json& texts) {
    std::vector<Message> messages;
    for (const nlohmann::json& text : texts)
      messages.push_back({messages.size() % 2 == 0 ? ChatRole::user : ChatRole::assistant, text});
    return messages;
  }
  static Sample sample_of(std::vector<Message> messages, std::string system = "", std::string tools = "") {
    Sample sample{.system = std::move(system), .tools = std::move(tools)};
    sample.response = {messages.back()};
    messages.pop_back();
    sample.prompt = std::move(messages);
    return sample;
  }

  const std::shared_ptr<const Tokenizer> tokenizer_ = load_tokenizer(folder() / "templates_tokenizer");
};

}  // namespace fettle
