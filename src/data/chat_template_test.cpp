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
std::string shown(const ChatTemplate& chat, const std::vector<Message>& messages, const std::string& system,
                  const std::string& tools = "") {
  std::string out;
  const auto rendered = chat.render(messages, system, tools);
  for (size_t i = 0; i < rendered.size(); ++i) {
    if (i % 2 == 1) out += "▸";
    for (const RenderedPiece& piece : rendered[i])
      out += piece.kind == TemplateSlot::Kind::bos     ? "{BOS}"
             : piece.kind == TemplateSlot::Kind::eos   ? "{EOS}"
             : piece.kind == TemplateSlot::Kind::token ? "{" + piece.text + "}"
                                                       : piece.text;
    if (i % 2 == 1) out += "◂";
  }
  return out;
}

std::shared_ptr<const FakeTokenizer> with_chatglms_tokens() {
  return std::make_shared<FakeTokenizer>(
      std::vector<std::string>{"<s>", "</s>", "[gMASK]", "sop", "<|im_end|>", "<end_of_turn>", "<|eot_id|>"});
}

struct Vector {
  std::string name, rendered;
};

class Rendering : public testing::TestWithParam<Vector> {};

TEST_P(Rendering, TwoTurnsWithASystemText) {
  const ChatTemplate chat(GetParam().name, with_chatglms_tokens());
  EXPECT_EQ(shown(chat, talk({"U1", "A1", "U2", "A2"}), "SYS"), GetParam().rendered);
}

const std::string kChatMl =
    "<|im_start|>system\nSYS<|im_end|>\n<|im_start|>user\nU1<|im_end|>\n<|im_start|>assistant\n▸A1<|im_end|>"
    "\n◂"
    "<|im_start|>user\nU2<|im_end|>\n<|im_start|>assistant\n▸A2<|im_end|>\n◂";

// Some by eye, among them those that LLaMA-Factory has since its last release, whose package is no witness
// for them; all others are held to the package in template_hashes_test.
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
        Vector{"hy_dense_1_8b",
               "{BOS}SYS<｜hy_place▁holder▁no▁3｜><｜hy_User｜>U1▸<｜hy_Assistant｜>A1◂<｜hy_User｜>U2▸<｜hy_"
               "Assistant｜>"
               "A2◂"},
        Vector{"hy_dense_7b", "{BOS}SYS<|extra_4|>U1<|extra_0|>▸A1◂U2<|extra_0|>▸A2◂"},
        Vector{"moss_vl", kChatMl},
        Vector{"chatglm2", "{[gMASK]}{sop}SYS[Round 0]\n\n问：U1\n\n答：▸A1◂[Round 1]\n\n问：U2\n\n答：▸A2◂"},
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
    const ChatTemplate chat("qwen3", tokenizer, {}, {.enable = enable});
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
  EXPECT_TRUE(
      shown(ChatTemplate("smollm2", fake_tokenizer(), ""), talk({"U1"}), "").starts_with("<|im_start|>user"))
      << "an empty one takes the template's away";
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
  EXPECT_NE(unknown.find("lists all 143"), unknown.npos) << unknown;
  const auto bare = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>", "</s>"});
  EXPECT_EQ(ChatTemplate("smollm2", bare).eos(), 1) << "told by vocabulary_misfit()";
  EXPECT_EQ(ChatTemplate("qwen", bare).eos(), 1);
  const auto endless = std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>"}, SpecialIds{.bos = 0});
  const auto no_eos = message([&] { ChatTemplate("default", endless); });
  EXPECT_NE(no_eos.find("end-of-text"), no_eos.npos) << no_eos;
  EXPECT_NO_THROW(ChatTemplate("empty", endless));
  const ChatTemplate chat("default", fake_tokenizer());
  EXPECT_THROW(chat.encode_turns(talk({"U", "A"}), "", "[{}]"), Error);
  EXPECT_THROW(chat.render(std::vector<Message>{{ChatRole::function, "{}"}}, ""), Error);
}

TEST(ChatTemplate, WhatTheThreeNewestRowsEndWith) {
  const auto tokenizer = fake_tokenizer();
  for (const char* name : {"hy_dense_1_8b", "hy_dense_7b"}) {
    const ChatTemplate chat(name, tokenizer);
    EXPECT_TRUE(chat.row().efficient_eos && !chat.row().replace_eos && !chat.row().reasoning) << name;
  }
  EXPECT_EQ(ChatTemplate("hy_dense_1_8b", tokenizer).row().stop_words.front(), "<｜hy_place▁holder▁no▁2｜>");
  EXPECT_EQ(ChatTemplate("hy_dense_7b", tokenizer).row().stop_words.front(), "<|eos|>");
  EXPECT_EQ(ChatTemplate("moss_vl", tokenizer).eos(), 3) << "<|im_end|>";
}

TEST(ChatTemplate, ToolsWithoutASystemTextBeginAtOnceInMossVl) {
  const std::string tools = R"([{"name": "t"}])";
  const auto begins = [&](const char* name, const std::string& system, const std::string& with) {
    return shown(ChatTemplate(name, fake_tokenizer()), talk({"U"}), system, tools)
        .starts_with("<|im_start|>system\n" + with);
  };
  EXPECT_TRUE(begins("moss_vl", "", "# Tools\n\nYou may call"));
  EXPECT_TRUE(begins("moss_vl", "SYS", "SYS\n\n# Tools\n\nYou may call"));
  EXPECT_TRUE(begins("qwen3", "", "\n\n# Tools\n\nYou may call"));
}

TEST(ChatTemplate, WordsForMediaAreRefusedWhereAModelSees) {
  const auto encode = [](const char* name, const std::string& text) {
    ChatTemplate(name, fake_tokenizer()).encode_turns(talk({text, "A"}), "", "");
  };
  try {
    encode("qwen2_vl", "<image> what is it?");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(
        error.parts().what,
        "a message holds <image>, and nothing is given that it stands for; images, video and sound come "
        "in a later version");
  }
  EXPECT_THROW(encode("gemma3", "<video>"), Error);
  EXPECT_NO_THROW(encode("qwen2_vl", "<images> and <|image|>"));
  EXPECT_NO_THROW(encode("qwen", "<image> in a lesson about HTML"));
}

TEST(ChatTemplate, ATokenThatTheVocabularyLacksIsNamed) {
  try {
    ChatTemplate("chatglm3", fake_tokenizer());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.parts().what,
              "template chatglm3 writes the token <|user|>, which this model's vocabulary does not have");
  }
}

TEST(ChatTemplate, ANamedToolFormatTakesThePlaceOfTheRows) {
  const std::vector<Message> called = {{ChatRole::user, "U"},
                                       {ChatRole::function, R"({"name": "f", "arguments": {"x": 1}})"}};
  EXPECT_EQ(shown(ChatTemplate("qwen", fake_tokenizer(), {}, {}, {.format = "glm4"}), called, "S"),
            "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n"
            "▸f\n{\"x\": 1}{EOS}◂");
  EXPECT_THROW(ChatTemplate("qwen", fake_tokenizer(), {}, {}, {.format = "glm"}), Error);
}

// Llama's own template falls back to this day; the package writes today's.
TEST(ChatTemplate, Llama3WritesTheDateItIsGiven) {
  const auto begins = [](ToolRules tools, const std::string& date) {
    const ChatTemplate chat("llama3", fake_tokenizer(), {}, {}, std::move(tools));
    return shown(chat, talk({"U"}), "", R"([{"name": "t"}])")
        .starts_with(
            "{BOS}<|start_header_id|>system<|end_header_id|>\n\nCutting Knowledge Date: December 2023\n"
            "Today Date: " +
            date + "\n\nYou have access to");
  };
  EXPECT_TRUE(begins({}, "26 Jul 2024"));
  EXPECT_TRUE(begins({.date = "01 Jan 2026"}, "01 Jan 2026"));
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
