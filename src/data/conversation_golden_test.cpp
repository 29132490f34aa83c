// LLaMA-Factory's own reading of conversations (tests/golden/make_template_golden.py): records to messages,
// tools, calls and thoughts to ids and labels.
#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "data/golden_templates_testing.h"

namespace fettle {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

class ConversationGolden : public GoldenTemplates {
 protected:
  const json golden_ = read_golden("conversations.json");
};

TEST_F(ConversationGolden, ToolsCallsAndObservations) {
  int compared = 0, refused = 0;
  for (const auto& [name, encodings] : golden_["with_roles"].items()) {
    const ChatTemplate chat = this->chat(name);
    for (size_t i = 0; i < encodings.size(); ++i) {
      const json& talk = golden_["role_talks"][i];
      const Sample sample = sample_of(messages_of(talk["messages"]), talk["system"], talk["tools"]);
      if (encodings[i].contains("raises")) {
        EXPECT_THROW(encode_supervised(sample, chat, {}), Error) << name << talk;
        ++refused;
        continue;
      }
      const EncodedSample out = encode_supervised(sample, chat, {});
      ASSERT_EQ(out.ids, encodings[i]["ids"].get<std::vector<int32_t>>()) << name << talk;
      ASSERT_EQ(out.labels, labels_of(encodings[i])) << name << talk;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 186);
  EXPECT_EQ(refused, 74);
}

TEST_F(ConversationGolden, Thoughts) {
  int compared = 0;
  for (const auto& [name, settings] : golden_["thinking"].items())
    for (const json& setting : settings) {
      ThinkingRules rules{.preserve = setting["preserve_thinking"]};
      rules.enable = setting["enable_thinking"].is_null()
                         ? std::nullopt
                         : std::optional<bool>(setting["enable_thinking"].get<bool>());
      const ChatTemplate chat = this->chat(name, rules);
      const EncodeOptions options{.mask_history = setting["mask_history"]};
      for (size_t i = 0; i < golden_["thought_talks"].size(); ++i) {
        std::vector<Message> messages = messages_of_texts(golden_["thought_talks"][i]);
        const EncodedSample out = encode_supervised(sample_of(messages), chat, options);
        ASSERT_EQ(out.ids, setting["encodings"][i]["ids"].get<std::vector<int32_t>>())
            << name << setting << i;
        ASSERT_EQ(out.labels, labels_of(setting["encodings"][i])) << name << i;
        messages.pop_back();
        ASSERT_EQ(chat.encode_prompt(messages, ""), setting["prompts"][i].get<std::vector<int32_t>>())
            << name << i;
        ++compared;
      }
    }
  EXPECT_EQ(compared, 2 * 12 * 11);
}

struct Deaf : Listener {
  void on_note(const Note&) override {}
};

// The entry is read from a registry, so that `tags` and `columns` mean what they say there.
DatasetEntry entry_of(json entry) {
  const fs::path folder = fs::path(testing::TempDir()) / "fettle_conversation_golden";
  fs::create_directories(folder);
  entry["file_name"] = "x.json";
  std::ofstream(folder / "x.json") << "[]";
  std::ofstream(folder / "dataset_info.json") << json{{"x", entry}};
  Deaf deaf;
  const DatasetEntry found = find_dataset(folder, "x", deaf);
  fs::remove_all(folder);
  return found;
}

const RecordFormat& format_named(const std::string& name) {
  for (const RecordFormat& format : record_formats())
    if (format.name == name) return format;
  throw std::out_of_range(name);
}

json shown(const std::vector<Message>& messages) {
  constexpr const char* kNames[] = {"user", "assistant", "observation", "function"};
  json list = json::array();
  for (const Message& message : messages)
    list.push_back({{"role", kNames[size_t(message.role)]}, {"content", message.content}});
  return list;
}

/// LLaMA-Factory leaves such a sample out, stops at it, or would stop at it when it renders a system turn.
bool unusable(const json& sample) {
  if (sample.contains("raises") || sample["prompt"].empty()) return true;
  for (const json& message : sample["prompt"])
    if (message["role"] == "system") return true;
  return false;
}

TEST_F(ConversationGolden, Records) {
  // The records as their file has them: the order of keys is learnt.
  const auto ordered = nlohmann::ordered_json::parse(read_text(folder() / "conversations.json"))["records"];
  int read = 0, left_out = 0;
  for (size_t set = 0; set < ordered.size(); ++set) {
    const json& expected = golden_["records"][set]["samples"];
    const DatasetEntry entry = entry_of(golden_["records"][set]["entry"]);
    for (size_t i = 0; i < expected.size(); ++i) {
      const Record& record = ordered[set]["records"][i];
      std::string reason;
      const std::optional<Sample> sample = format_named(entry.formatting).convert(record, entry, reason);
      ASSERT_EQ(sample.has_value(), !unusable(expected[i])) << record << reason;
      if (!sample) {
        EXPECT_NE(reason, "") << record;
        ++left_out;
        continue;
      }
      EXPECT_EQ(shown(sample->prompt), expected[i]["prompt"]) << record;
      EXPECT_EQ(shown(sample->response), expected[i]["response"]) << record;
      EXPECT_EQ(sample->system, expected[i]["system"]) << record;
      EXPECT_EQ(sample->tools, expected[i]["tools"]) << record;
      ++read;
    }
  }
  EXPECT_EQ(read, 35);
  EXPECT_EQ(left_out, 31);
}

}  // namespace
}  // namespace fettle
