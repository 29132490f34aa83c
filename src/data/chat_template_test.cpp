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
        Vector{"gemma3",
               "{BOS}<start_of_turn>user\nSYS\n\nU1<end_of_turn>\n<start_of_turn>model\n▸A1<end_of_turn>\n◂"
               "<start_of_turn>user\nU2<end_of_turn>\n<start_of_turn>model\n▸A2<end_of_turn>\n◂"},
        Vector{"llama2",
               "{BOS}[INST] <<SYS>>\nSYS\n<</SYS>>\n\nU1 [/INST]▸A1{EOS}◂{BOS}[INST] U2 [/INST]▸A2{EOS}◂"},
        Vector{"llama3",
               "{BOS}<|start_header_id|>system<|end_header_id|>\n\nSYS<|eot_id|>"
               "<|start_header_id|>user<|end_header_id|>\n\nU1<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n▸A1<|eot_id|>◂"
               "<|start_header_id|>user<|end_header_id|>\n\nU2<|eot_id|>"
               "<|start_header_id|>assistant<|end_header_id|>\n\n▸A2<|eot_id|>◂"},
        Vector{"mistral", "{BOS}[INST] SYS\n\nU1[/INST]▸ A1{EOS}◂[INST] U2[/INST]▸ A2{EOS}◂"},
        Vector{"qwen", kChatMl}, Vector{"qwen3", kChatMl}, Vector{"qwen3_nothink", kChatMl},
        Vector{"smollm", kChatMl}, Vector{"smollm2", kChatMl}),
    [](const auto& test) { return test.param.name; });

TEST(ChatTemplate, EveryRowHasAVector) {
  EXPECT_EQ(template_rows().size(), 12u);
  for (const TemplateRow* row : template_rows()) {
    EXPECT_FALSE(row->user.empty() || row->assistant.empty() || row->system.empty()) << row->name;
    EXPECT_TRUE(!row->system_in_user || row->system.size() == 1) << row->name;
  }
}

// Every <|…|> and every stop word in a slot is a marker, so that a vocabulary without it is told.
TEST(ChatTemplate, MarkersAreWhatTheSlotsWrite) {
  for (const TemplateRow* row : template_rows()) {
    std::string slots;
    for (const auto part : {row->user, row->assistant, row->system, row->observation, row->prefix})
      for (std::string_view slot : part) slots += slot;
    const auto marked = [&](std::string_view word) {
      return std::find(row->markers.begin(), row->markers.end(), word) != row->markers.end();
    };
    for (std::string_view marker : row->markers) EXPECT_NE(slots.find(marker), slots.npos) << marker;
    for (std::string_view word : row->stop_words)
      EXPECT_TRUE(marked(word) || slots.find(word) == slots.npos) << row->name << word;
    for (size_t at = 0; (at = slots.find("<|", at)) != slots.npos; ++at)
      EXPECT_TRUE(marked(slots.substr(at, slots.find("|>", at) + 2 - at)))
          << row->name << slots.substr(at, 20);
  }
}

TEST(ChatTemplate, AVocabularyWithoutTheMarkersIsTold) {
  const FakeTokenizer bare({"<s>", "</s>", "<|start_header_id|>"}), one({"<s>", "</s>", "<|im_end|>"});
  EXPECT_EQ(
      vocabulary_misfit("llama3", bare),
      "template llama3 does not fit this model's vocabulary, which has no token <|end_header_id|>, "
      "<|eot_id|>: they are learnt as loose characters, and generation does not stop at <|eot_id|>; choose "
      "the template this model was made with");
  EXPECT_EQ(
      vocabulary_misfit("qwen", one),
      "template qwen does not fit this model's vocabulary, which has no token <|im_start|>: it is learnt as "
      "loose characters; choose the template this model was made with");
  EXPECT_EQ(vocabulary_misfit("qwen", *fake_tokenizer()), "");
  EXPECT_EQ(vocabulary_misfit("llama2", bare), "");
  EXPECT_THROW(vocabulary_misfit("none", bare), Error);
}

TEST(ChatTemplate, ThoughtsAreTakenOutOrStoodIn) {
  const auto tokenizer = fake_tokenizer();
  const auto turn = [&](std::optional<bool> enable, const std::string& answer) {
    const ChatTemplate chat("qwen3", tokenizer, "", {.enable = enable});
    const EncodedTurn out = chat.encode_turns(talk({"U", answer}), "", "")[0];
    return tokenizer->show(out.source).substr(std::string("<|im_start|>user\nU<|im_end|>\n").size()) + "▸" +
           tokenizer->show(out.target);
  };
  const std::string thought = "<think>\nhm\n</think>\n\nA", begin = "<|im_start|>assistant\n";
  EXPECT_EQ(turn(true, "A"), begin + "▸<think>\n\n</think>\n\nA<|im_end|>\n");
  EXPECT_EQ(turn(std::nullopt, "A"), begin + "<think>\n\n</think>\n\n▸A<|im_end|>\n");
  EXPECT_EQ(turn(false, "A"), turn(std::nullopt, "A"));
  EXPECT_EQ(turn(true, thought), begin + "▸" + thought + "<|im_end|>\n");
  EXPECT_EQ(turn(std::nullopt, thought), turn(true, thought));
  EXPECT_EQ(turn(false, thought), turn(false, "A"));
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
  EXPECT_EQ(ChatTemplate("smollm2", bare).eos(), 1) << "told by vocabulary_misfit()";
  EXPECT_EQ(ChatTemplate("qwen", bare).eos(), 1);
  const auto endless = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>"}, SpecialIds{.bos = 0});
  const auto no_eos = message([&] { ChatTemplate("default", endless); });
  EXPECT_NE(no_eos.find("end-of-text"), no_eos.npos) << no_eos;
  EXPECT_NO_THROW(ChatTemplate("empty", endless));
  const ChatTemplate chat("llama3", fake_tokenizer());
  EXPECT_THROW(chat.encode_turns(talk({"U", "A"}), "", "[{}]"), Error);
  EXPECT_THROW(chat.render(std::vector<Message>{{ChatRole::function, "{}"}}, ""), Error);
}

TEST(ChatTemplate, ASystemTextInTheUserSlotHasNoPlaceInFrontOfAnObservation) {
  const std::vector<Message> seen = {{ChatRole::observation, "42"}};
  EXPECT_EQ(shown(ChatTemplate("gemma3", fake_tokenizer()), seen, "SYS"),
            "{BOS}<start_of_turn>tool\n42<end_of_turn>\n<start_of_turn>model\n");
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
  EXPECT_EQ(guess("{{- '<|im_start|>system\\nYou are Somebody.<|im_end|>\\n' }}"), "");
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

// The parts of the real templates that tell the families apart, as their models carry them.
TEST(GuessTemplate, KnowsQwenAndGemma) {
  const auto tokenizer = fake_tokenizer();
  const auto guess = [&](std::string_view jinja) { return guess_template(jinja, *tokenizer); };
  const std::string qwen25 =
      "{%- if tools %}{{- '<|im_start|>system\\n' }}{{- 'You are Qwen, created by Alibaba Cloud. You are a "
      "helpful "
      "assistant.' }}{{- \"\\n\\n# Tools within <tools></tools> XML tags\" }}{%- endif %}{{- '<|im_end|>\\n' "
      "}}";
  EXPECT_EQ(guess(qwen25), "qwen");
  EXPECT_EQ(guess(qwen25 + "{{- '<think>\\n' }}"), "") << "QwQ";
  EXPECT_EQ(guess(qwen25 + "<|vision_start|>"), "") << "Qwen2.5-VL";
  const std::string qwen3_instruct =
      "{%- if tools %}{{- '<|im_start|>system\\n' }}{%- if messages[0].role == 'system' %}{{- \"# Tools "
      "within "
      "<tools></tools> XML tags:\\n<tools>\" }}{%- endif %}{{- '\\n<tool_response>\\n' }}{{- '<|im_end|>\\n' "
      "}}";
  EXPECT_EQ(guess(qwen3_instruct), "qwen3_nothink");
  const std::string qwen3 = qwen3_instruct +
                            "{%- set ns = namespace(last_query_index=1) %}{%- set reasoning_content "
                            "= message.content.split('</think>')[0] %}";
  EXPECT_EQ(guess(qwen3), "qwen3");
  EXPECT_EQ(guess(qwen3 + "<|vision_start|>"), "") << "Qwen3-VL";
  EXPECT_EQ(guess(qwen3_instruct + "<function=example>"), "") << "Qwen3-Coder";
  const std::string gemma3 =
      "{{ bos_token }}{%- set first_user_prefix = messages[0]['content'] + '\\n\\n' -%}{{ '<start_of_turn>' "
      "+ role "
      "+ '\\n' + (first_user_prefix if loop.first else \"\") }}{{ '<end_of_turn>\\n' }}";
  EXPECT_EQ(guess(gemma3), "gemma3");
  EXPECT_EQ(guess(gemma3 + "<audio_soft_token>"), "") << "Gemma 3n";
  EXPECT_EQ(guess("{{ raise_exception('System role not supported') }}<start_of_turn>x<end_of_turn>"), "");
}

class WithEndOfText : public FakeTokenizer {
 public:
  explicit WithEndOfText(int32_t id) : FakeTokenizer({"<|im_start|>", "<|im_end|>"}), id_(id) {}
  std::optional<int32_t> id_of(std::string_view token) const override {
    return token == "<|endoftext|>" ? id_ : FakeTokenizer::id_of(token);
  }

 private:
  int32_t id_;
};

TEST(GuessTemplate, Qwen2IsToldByItsVocabulary) {
  const std::string jinja =
      "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ "
      "'<|im_start|>system\n"
      "You are a helpful assistant.<|im_end|>\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\n' + "
      "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}";
  EXPECT_EQ(guess_template(jinja, WithEndOfText(151643)), "qwen");
  EXPECT_EQ(guess_template(jinja, WithEndOfText(151642)), "");
}

}  // namespace
}  // namespace fettle
