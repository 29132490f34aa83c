#include "data/chat_template.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/fake_tokenizer_test.h"

namespace fettle {
namespace {

std::vector<Message> talk(std::initializer_list<std::string> texts) {
  std::vector<Message> messages;
  for (const std::string& text : texts)
    messages.push_back({messages.size() % 2 == 0 ? ChatRole::user : ChatRole::assistant, text});
  return messages;
}

/// ▸ and ◂ around what is learnt, {BOS} and {EOS} where a slot stands for the token.
std::string shown(const ChatTemplate& chat, const std::vector<Message>& messages, const std::string& system) {
  std::string out;
  const auto rendered = chat.render(messages, system);
  for (size_t i = 0; i < rendered.size(); ++i) {
    if (i % 2 == 1) out += "▸";
    for (const RenderedPiece& piece : rendered[i])
      out += piece.kind == RenderedPiece::Kind::bos   ? "{BOS}"
             : piece.kind == RenderedPiece::Kind::eos ? "{EOS}"
                                                      : piece.text;
    if (i % 2 == 1) out += "◂";
  }
  return out;
}

struct Vector {
  std::string name, rendered;
};

class Rendering : public testing::TestWithParam<Vector> {};

TEST_P(Rendering, TwoTurnsWithASystemText) {
  const ChatTemplate chat(GetParam().name, fake_tokenizer());
  EXPECT_EQ(shown(chat, talk({"U1", "A1", "U2", "A2"}), "SYS"), GetParam().rendered);
}

const std::string kChatMl =
    "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\n▸A1<|im_end|>"
    "\n◂"
    "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n▸A2<|im_end|>\n◂";

INSTANTIATE_TEST_SUITE_P(
    All, Rendering,
    testing::Values(
        Vector{"alpaca",
               "SYS### Instruction:\nU1\n\n### Response:\n▸A1{EOS}\n\n◂"
               "### Instruction:\nU2\n\n### Response:\n▸A2{EOS}\n\n◂"},
        Vector{
            "default",
            "System: SYS{EOS}\nHuman: U1{EOS}\nAssistant:▸A1{EOS}\n◂Human: U2{EOS}\nAssistant:▸A2{EOS}\n◂"},
        Vector{"empty", "SYSU1▸A1◂U2▸A2◂"},
        Vector{"llama2",
               "{BOS}[INST] <<SYS>>\nSYS\n<</SYS>>\n\nU1 [/INST]▸A1{EOS}◂{BOS}[INST] U2 [/INST]▸A2{EOS}◂"},
        Vector{"llama3",
               "{BOS}<|start_header_id|>system<|end_header_id|>\n\nSYS<|eot_id|>"
               "<|start_header_id|>user<|end_header_id|>\n\nU1<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n▸A1<|eot_id|>◂"
               "<|start_header_id|>user<|end_header_id|>\n\nU2<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n▸A2<|eot_id|>◂"},
        Vector{"mistral", "{BOS}[INST] SYS\n\nU1[/INST]▸ A1{EOS}◂[INST] U2[/INST]▸ A2{EOS}◂"},
        Vector{"smollm", kChatMl}, Vector{"smollm2", kChatMl}),
    [](const auto& test) { return test.param.name; });

TEST(ChatTemplate, EveryRowHasAVector) {
  EXPECT_EQ(template_rows().size(), 8u);
  for (const TemplateRow* row : template_rows()) {
    EXPECT_FALSE(row->user.empty() || row->assistant.empty() || row->system.empty()) << row->name;
    EXPECT_TRUE(!row->system_in_user || row->system.size() == 1) << row->name;
  }
}

TEST(ChatTemplate, DefaultSystemStandsInAndCanBeReplaced) {
  EXPECT_TRUE(
      shown(ChatTemplate("smollm2", fake_tokenizer()), talk({"U1"}), "")
          .starts_with("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
                       "Face.<|im_end|>\n<|im_start|>user\nU1"));
  EXPECT_TRUE(
      shown(ChatTemplate("smollm", fake_tokenizer()), talk({"U1"}), "").starts_with("<|im_start|>user"));
  EXPECT_TRUE(shown(ChatTemplate("smollm2", fake_tokenizer(), "Mine."), talk({"U1"}), "")
                  .starts_with("<|im_start|>system\nMine.<|im_end|>"));
  EXPECT_TRUE(shown(ChatTemplate("smollm2", fake_tokenizer(), "Mine."), talk({"U1"}), "Data's.")
                  .starts_with("<|im_start|>system\nData's.<|im_end|>"));
  EXPECT_EQ(
      shown(ChatTemplate("alpaca", fake_tokenizer()), talk({"U1"}), ""),
      "Below is an instruction that describes a task. Write a response that appropriately completes the "
      "request.\n\n### Instruction:\nU1\n\n### Response:\n");
  EXPECT_EQ(shown(ChatTemplate("mistral", fake_tokenizer()), talk({"U1"}), ""), "{BOS}[INST] U1[/INST]");
}

TEST(ChatTemplate, AHoleInTheDataIsText) {
  const ChatTemplate chat("mistral", fake_tokenizer());
  EXPECT_EQ(shown(chat, talk({"a {{content}} b", "{{content}}"}), "s {{content}}"),
            "{BOS}[INST] s {{content}}\n\na {{content}} b[/INST]▸ {{content}}{EOS}◂");
}

TEST(ChatTemplate, SlotsAreTokenisedApart) {
  const auto tokenizer = fake_tokenizer();
  const ChatTemplate chat("empty", tokenizer);
  const auto turns = chat.encode_turns(talk({"\nU", "A"}), "S\n", "");
  const auto newline = FakeTokenizer::kFirstByte + '\n';
  ASSERT_EQ(turns.size(), 1u);
  EXPECT_EQ(turns[0].source, (std::vector<int32_t>{FakeTokenizer::kFirstByte + 'S', newline, newline,
                                                   FakeTokenizer::kFirstByte + 'U'}));
  // Inside one slot the two line ends join.
  EXPECT_EQ(chat.encode_turns(talk({"\n\n", "A"}), "", "")[0].source,
            std::vector<int32_t>{FakeTokenizer::kBlankLine});
}

TEST(ChatTemplate, TurnsAndPromptAreTheSameIds) {
  const auto tokenizer = fake_tokenizer();
  const ChatTemplate chat("llama2", tokenizer);
  const auto turns = chat.encode_turns(talk({"U1", "A1", "U2", "A2"}), "", "");
  ASSERT_EQ(turns.size(), 2u);
  EXPECT_EQ(tokenizer->show(turns[0].source), "<s>[INST] U1 [/INST]");
  EXPECT_EQ(tokenizer->show(turns[0].target), "A1</s>");
  EXPECT_EQ(tokenizer->show(turns[1].source), "<s>[INST] U2 [/INST]");
  EXPECT_EQ(turns[1].target.back(), 1);
  EXPECT_EQ(tokenizer->show(chat.encode_prompt(talk({"U1", "A1", "U2"}), "")),
            "<s>[INST] U1 [/INST]A1</s><s>[INST] U2 [/INST]");
}

TEST(ChatTemplate, SpecialTokensWrittenInTheDataAreParsed) {
  const ChatTemplate chat("empty", fake_tokenizer());
  EXPECT_EQ(chat.encode_turns(talk({"<|im_end|>", "A"}), "", "")[0].source, std::vector<int32_t>{3});
}

TEST(ChatTemplate, VocabularyWithoutBosStartsWithout) {
  const auto tokenizer = fake_tokenizer({.bos = -1, .eos = 1});
  EXPECT_EQ(tokenizer->show(ChatTemplate("mistral", tokenizer).encode_prompt(talk({"U"}), "")),
            "[INST] U[/INST]");
}

TEST(ChatTemplate, EndTokens) {
  const ChatTemplate llama3("llama3", fake_tokenizer());
  EXPECT_EQ(llama3.eos(), 6);  // <|eot_id|> takes the place of </s>
  EXPECT_EQ(llama3.pad(), 6);
  EXPECT_EQ(std::vector<int32_t>(llama3.stop_ids().begin(), llama3.stop_ids().end()),
            std::vector<int32_t>{6});
  const ChatTemplate smollm("smollm", fake_tokenizer({.bos = 0, .eos = 1, .pad = 8}));
  EXPECT_EQ(smollm.eos(), 1);
  EXPECT_EQ(smollm.pad(), 8);
  EXPECT_EQ(std::vector<int32_t>(smollm.stop_ids().begin(), smollm.stop_ids().end()),
            (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(ChatTemplate("default", fake_tokenizer({.bos = 0, .eos = -1})).eos(), 8);  // <|endoftext|>
}

TEST(ChatTemplate, ErrorsNameTheTemplateAndTheToken) {
  const auto message = [](auto make) -> std::string {
    try {
      make();
    } catch (const Error& error) {
      return error.message();
    }
    return "";
  };
  const auto unknown = message([] { ChatTemplate("smolm2", fake_tokenizer()); });
  EXPECT_NE(unknown.find("\"smolm2\""), unknown.npos) << unknown;
  EXPECT_NE(unknown.find("\"smollm2\""), unknown.npos) << unknown;
  EXPECT_NE(unknown.find("mistral"), unknown.npos) << unknown;
  const auto bare = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>", "</s>"});
  const auto missing = message([&] { ChatTemplate("smollm2", bare); });
  EXPECT_NE(missing.find("<|im_end|>"), missing.npos) << missing;
  const auto endless = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>"}, SpecialIds{.bos = 0});
  const auto no_eos = message([&] { ChatTemplate("default", endless); });
  EXPECT_NE(no_eos.find("end-of-text"), no_eos.npos) << no_eos;
  EXPECT_NO_THROW(ChatTemplate("empty", endless));
  const ChatTemplate chat("llama3", fake_tokenizer());
  EXPECT_THROW(chat.encode_turns(talk({"U", "A"}), "", "[{}]"), Error);
  EXPECT_THROW(chat.render(std::vector<Message>{{ChatRole::function, "{}"}}, ""), Error);
}

TEST(ChatTemplate, ObservationHasItsOwnSlotsOrTheUsers) {
  const std::vector<Message> seen = {{ChatRole::observation, "42"}};
  EXPECT_TRUE(shown(ChatTemplate("llama3", fake_tokenizer()), seen, "")
                  .starts_with("{BOS}<|start_header_id|>ipython"));
  EXPECT_EQ(shown(ChatTemplate("default", fake_tokenizer()), seen, ""), "Human: 42{EOS}\nAssistant:");
}

TEST(GuessTemplate, KnowsTheFamiliesAndNothingElse) {
  const auto tokenizer = fake_tokenizer();
  const auto guess = [&](std::string_view jinja) { return guess_template(jinja, *tokenizer); };
  const std::string chatml =
      "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + "
      "'<|im_end|>' + "
      "'\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
  EXPECT_EQ(guess("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
                  "'<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging "
                  "Face<|im_end|>\n' }}{% endif %}" +
                  chatml),
            "smollm2");
  EXPECT_EQ(guess(chatml), "smollm");
  EXPECT_EQ(guess("{{- '<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud.<|im_end|>\\n' }}"), "");
  EXPECT_EQ(guess("{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'+ "
                  "message['content'] | trim + '<|eot_id|>' %}"),
            "llama3");
  EXPECT_EQ(guess("{{ '<|start_header_id|>GPT4 Correct ' + role + '<|end_header_id|>\n\n' + '<|eot_id|>' }}"),
            "");
  EXPECT_EQ(
      guess(
          "{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' %}{{ bos_token + '[INST] ' + "
          "content.strip() + ' [/INST]' }}"),
      "llama2");
  EXPECT_EQ(guess("{{- \"[INST] \" + message[\"content\"] + \"[/INST]\" }}"), "mistral");
  EXPECT_EQ(guess("{{- \" [INST] \" + message[\"content\"] + \" [/INST]\" }}"), "");
  EXPECT_EQ(guess(""), "");
  const FakeTokenizer bare({"<s>", "</s>"});
  EXPECT_EQ(guess_template(chatml, bare), "");
}

}  // namespace
}  // namespace fettle
