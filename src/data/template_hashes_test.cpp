// Every template and every tool format against LLaMA-Factory, as hashes of ids and labels
// (tests/golden/make_template_hashes.py, whose --show prints a case that differs).
#include <gtest/gtest.h>

#include <cstring>
#include <sstream>

#include "base/error.h"
#include "data/golden_templates_testing.h"

namespace fettle {
namespace {

using nlohmann::json;

std::string hash_of(const std::vector<int32_t>& values) {
  return sha256_hex(std::as_bytes(std::span(values))).substr(0, 12);
}

std::string hash_of(const EncodedSample& sample) {
  std::vector<int32_t> values = sample.ids;
  values.push_back(-1);
  values.insert(values.end(), sample.labels.begin(), sample.labels.end());
  return hash_of(values);
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = 0; (at = text.find(from, at)) != text.npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

class TemplateHashes : public GoldenTemplates {
 protected:
  struct Tally {
    int64_t compared = 0, refused = 0;
  };

  /// The hashes of one template's part, compared one by one as `next` makes them.
  class Part {
   public:
    Part(std::string what, const std::string& hashes, Tally& tally)
        : what_(std::move(what)), hashes_(hashes), tally_(tally) {}
    ~Part() { EXPECT_FALSE(hashes_ >> what_) << "a case too few: " << what_; }

    template <class Make>
    void next(const Make& make) {
      std::string expected, made;
      ASSERT_TRUE(hashes_ >> expected) << what_ << ' ' << index_;
      try {
        made = hash_of(make());
        ++tally_.compared;
      } catch (const Error&) {
        made = "-";
        ++tally_.refused;
      }
      EXPECT_EQ(made, expected) << "make_template_hashes.py --show " << what_ << ' ' << index_;
      ++index_;
    }

   private:
    std::string what_;
    std::istringstream hashes_;
    Tally& tally_;
    int index_ = 0;
  };

  void conversations(const std::string& name, const json& hashes, Tally& tally) const {
    const ChatTemplate chat = this->chat(name);
    Part part(name + " conversations", hashes["conversations"], tally);
    for (const json& setting : in_full_["settings"]) {
      const EncodeOptions options{setting["cutoff_len"], setting["train_on_prompt"], setting["mask_history"]};
      if (options.train_on_prompt && chat.row().efficient_eos) continue;
      for (const json& one : in_full_["conversations"])
        part.next([&] {
          return encode_supervised(sample_of(messages_of_texts(one["texts"]), one["system"]), chat, options);
        });
    }
  }

  void talks(const ChatTemplate& chat, std::initializer_list<const json*> lists, Part& part) const {
    for (const json* list : lists)
      for (const json& talk : *list)
        part.next([&] {
          return encode_supervised(sample_of(messages_of(talk["messages"]), talk["system"], talk["tools"]),
                                   chat, {});
        });
  }

  void thoughts(const std::string& name, const json& hashes, Tally& tally) const {
    Part part(name + " thoughts", hashes["thoughts"], tally);
    const bool reasoning = chat(name).row().reasoning;
    for (const std::optional<bool> enable :
         {std::optional(true), std::optional(false), std::optional<bool>()})
      for (const bool preserve : {false, true})
        for (const bool mask_history : {false, true}) {
          const bool plain = enable == true && !preserve && !mask_history;
          if (!reasoning && !plain) continue;
          const ChatTemplate chat = this->chat(name, {.enable = enable, .preserve = preserve});
          for (const json& texts : roles_["thought_talks"]) {
            std::vector<Message> messages = messages_of_texts(texts);
            for (Message& message : messages)
              message.content = replaced(replaced(message.content, "<think>\n", chat.row().thought.open),
                                         "\n</think>\n\n", chat.row().thought.close);
            part.next(
                [&] { return encode_supervised(sample_of(messages), chat, {.mask_history = mask_history}); });
            messages.back().content.clear();
            part.next([&] { return prompt_of(chat, messages); });
          }
        }
  }

  /// Up to where the assistant speaks.
  static std::vector<int32_t> prompt_of(const ChatTemplate& chat, std::vector<Message> messages) {
    messages.pop_back();
    return chat.encode_prompt(messages, "");
  }

  void ends(const std::string& name, const json& hashes, Tally& tally) const {
    const ChatTemplate chat = this->chat(name);
    Part part(name + " ends", hashes["ends"], tally);
    part.next([&] {
      std::vector<int32_t> stops(chat.stop_ids().begin(), chat.stop_ids().end());
      std::sort(stops.begin(), stops.end());
      stops.insert(stops.begin(), {chat.eos(), chat.pad()});
      return stops;
    });
  }

  Tally all_parts(const json& golden) const {
    Tally tally;
    for (const auto& [name, hashes] : golden["templates"].items()) {
      conversations(name, hashes, tally);
      Part part(name + " roles", hashes["roles"], tally);
      talks(chat(name), {&roles_["role_talks"], &golden["format_talks"], &golden["media_talks"]}, part);
      thoughts(name, hashes, tally);
      ends(name, hashes, tally);
    }
    return tally;
  }

  const json in_full_ = read_golden("templates.json"), roles_ = read_golden("conversations.json");
};

TEST_F(TemplateHashes, EveryTemplate) {
  const json golden = read_golden("template_hashes.json");
  EXPECT_EQ(golden["templates"].size(), 121u);
  const Tally tally = all_parts(golden);
  EXPECT_EQ(tally.compared, 30142);
  EXPECT_EQ(tally.refused, 1365);
}

TEST_F(TemplateHashes, TemplatesThatLaterVersionsDropped) {
  const json golden = read_golden("template_hashes_removed.json");
  EXPECT_EQ(golden["templates"].size(), 19u);
  const Tally tally = all_parts(golden);
  EXPECT_EQ(tally.compared, 3790);
  EXPECT_EQ(tally.refused, 173);
}

TEST_F(TemplateHashes, EveryToolFormatInTemplatesOfEveryKind) {
  const json golden = read_golden("template_hashes.json");
  Tally tally;
  for (const auto& [name, hashes] : golden["formats"].items()) {
    Part part(name + " formats", hashes, tally);
    for (const ToolFormat* format : tool_formats())
      talks(ChatTemplate(name, tokenizer_, {}, {}, {.format = std::string(format->name)}),
            {&roles_["role_talks"], &golden["format_talks"]}, part);
  }
  EXPECT_EQ(tally.compared, 1163);
  EXPECT_EQ(tally.refused, 722);
}

}  // namespace
}  // namespace fettle
