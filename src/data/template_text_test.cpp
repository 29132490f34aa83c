#include "data/template_text.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

// Written for this test, in the manner of such models.
constexpr std::string_view kLlama3 =
    "{% for message in messages %}{% if loop.first %}{{ bos_token }}{% endif %}"
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\n\n' + message.content|trim + '<|eot_id|>' "
    "}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% "
    "endif %}";

std::shared_ptr<const Tokenizer> llama3_words() {
  return std::make_shared<const FakeTokenizer>(std::vector<std::string>{
      "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>"});
}

std::string text_of(std::string_view name, const TemplateProbe& probe) {
  return template_text(ChatTemplate(name, any_vocabulary()), probe);
}

TEST(TemplateText, WithoutAModelTokensHaveNames) {
  EXPECT_EQ(text_of("llama2", template_probes()[1]), "{BOS}[INST] What is 2 + 2? [/INST]It is 4.{EOS}");
  EXPECT_EQ(text_of("chatml", template_probes()[3]),
            "<|im_start|>system\nAnswer briefly.<|im_end|>\n<|im_start|>user\nWhat is 2 + 2?<|im_end|>\n"
            "<|im_start|>assistant\n");
}

TEST(TemplateText, TheSameAsTheModelsOwn) {
  const ChatTemplate chat("llama3", llama3_words());
  EXPECT_TRUE(template_differences(chat, JinjaTemplate(kLlama3, "own")).empty());
}

TEST(TemplateText, TheFirstDifferingPlaceOfEachConversation) {
  std::string dated(kLlama3);
  dated.insert(dated.find("{{ '<|start"), "{% if message.role == 'assistant' %}~{% endif %}");
  const auto differences =
      template_differences(ChatTemplate("llama3", llama3_words()), JinjaTemplate(dated, "own"));
  ASSERT_EQ(differences.size(), 3u);
  EXPECT_EQ(differences[0].probe, "a question and its answer");
  const std::string before =
      "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nWhat is 2 + 2?<|eot_id|>";
  EXPECT_EQ(differences[0].at, before.size());
  EXPECT_TRUE(differences[0].own.starts_with(" is 2 + 2?<|eot_id|>~<|start")) << differences[0].own;
  EXPECT_TRUE(differences[0].text.starts_with(" is 2 + 2?<|eot_id|><|start")) << differences[0].text;
}

TEST(TemplateText, WhatTheModelsOwnRefusesIsToldInItsWords) {
  const JinjaTemplate strict(
      "{% if messages[0].role == 'system' %}{{ raise_exception('No system text') }}{% endif %}", "own");
  const auto differences = template_differences(ChatTemplate("llama3", llama3_words()), strict);
  ASSERT_EQ(differences.size(), 5u);
  EXPECT_EQ(differences[3].own_error, "own:1: No system text");
}

TEST(TemplateText, TheOneThatRendersTheSameIsFound) {
  EXPECT_EQ(template_by_rendering(JinjaTemplate(kLlama3, "own"), llama3_words()), "llama3");
  EXPECT_EQ(template_by_rendering(JinjaTemplate("{{ messages[0].content }}", "own"), llama3_words()), "");
}

}  // namespace
}  // namespace fettle
