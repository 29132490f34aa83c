// Ids and labels of LLaMA-Factory itself (tests/golden/make_template_golden.py), over every template and
// setting.
#include <gtest/gtest.h>

#include <algorithm>

#include "data/dataset.h"
#include "data/golden_templates_testing.h"

namespace fettle {
namespace {

using nlohmann::json;

class TemplateGolden : public GoldenTemplates {
 protected:
  const json golden_ = read_golden("templates.json");
};

TEST_F(TemplateGolden, SupervisedIdsAndLabels) {
  size_t compared = 0;
  for (const auto& [name, encodings] : golden_["supervised"].items()) {
    const ChatTemplate chat = this->chat(name);
    size_t at = 0;
    for (const json& setting : golden_["settings"]) {
      const EncodeOptions options{setting["cutoff_len"], setting["train_on_prompt"], setting["mask_history"]};
      if (options.train_on_prompt && chat.row().efficient_eos) continue;
      for (const json& conversation : golden_["conversations"]) {
        const EncodedSample out = encode_supervised(
            sample_of(messages_of_texts(conversation["texts"]), conversation["system"]), chat, options);
        const json& expected = encodings.at(at++);
        ASSERT_EQ(out.ids, expected["ids"].get<std::vector<int32_t>>()) << name << setting << conversation;
        ASSERT_EQ(out.labels, labels_of(expected)) << name << setting << conversation;
        ++compared;
      }
    }
    EXPECT_EQ(at, encodings.size());
  }
  EXPECT_EQ(compared, 2040u);
}

/// The first token is predicted by nothing, and padding's id is never learnt.
bool nothing_to_train(const std::vector<int32_t>& ids, int32_t pad) {
  return ids.empty() || std::all_of(ids.begin() + 1, ids.end(), [&](int32_t id) { return id == pad; });
}

TEST_F(TemplateGolden, PretrainingIds) {
  std::vector<Sample> documents;
  for (const json& conversation : golden_["conversations"])
    documents.push_back({.prompt = {{ChatRole::user, conversation["texts"][0]}}});
  for (const auto& [name, expected] : golden_["pretrain"].items()) {
    const ChatTemplate chat = this->chat(name);
    for (const bool packed : {true, false}) {
      Dataset out;
      encode_pretrain(documents, chat, {.cutoff_len = golden_["pretrain_cutoff_len"]}, packed, out);
      int64_t at = 0;
      for (const std::vector<int32_t> ids : expected[packed ? "packed" : "single"]) {
        if (nothing_to_train(ids, chat.pad())) continue;  // left out here
        ASSERT_LT(at, out.size()) << name;
        ASSERT_EQ(std::vector<int32_t>(out.ids(at).begin(), out.ids(at).end()), ids) << name << at;
        ++at;
      }
      EXPECT_GT(at, 10);
      EXPECT_LE(out.size(), at + (packed ? 1 : 0)) << "the shorter last block alone may be ours";
    }
  }
}

}  // namespace
}  // namespace fettle
