#include "app/closing_block.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "data/fake_tokenizer_test.h"

namespace fettle::app {

namespace {
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TrainResult result() {
  return {.output_dir = "saves/mine",
          .plot = "saves/mine/training_loss.png",
          .log = "saves/mine/trainer_log.jsonl",
          .template_name = "smollm2",
          .base_model = "models/m.Q4_1.gguf"};
}
}  // namespace

TEST(ClosingBlock, NamesFilesNextCommandsAndASnippetForAGgufBase) {
  const std::string text =
      closing_block(result(), {.own_template = "smollm2", .gguf = "models/m.Q4_1.gguf"}, "fettle", {});
  EXPECT_TRUE(has(text, "saves/mine/adapter_model.safetensors"));
  EXPECT_TRUE(has(text, "saves/mine/training_loss.png"));
  EXPECT_TRUE(has(text,
                  "fettle chat --model_name_or_path models/m.Q4_1.gguf --adapter_name_or_path saves/mine "
                  "--template smollm2\n"));
  EXPECT_TRUE(has(text, "fettle export --model_name_or_path models/m.Q4_1.gguf"));
  EXPECT_TRUE(has(text, "fettle plot saves/mine\n"));
  EXPECT_TRUE(has(text, "from_pretrained(\"models\", gguf_file=\"m.Q4_1.gguf\")"));
  EXPECT_TRUE(has(text, "messages = [{\"role\": \"user\", \"content\": \"Hello\"}]\n"));
  EXPECT_TRUE(has(text, "apply_chat_template"));
}

TEST(ClosingBlock, WordsThatAShellOrPythonWouldReadAreQuoted) {
  TrainResult r = result();
  r.base_model = "my models/m.gguf";
  r.output_dir = "it's \"mine\"";
  const std::string text = closing_block(r, {.system = "Be \"brief\".\nDo."}, "fettle", {});
  EXPECT_TRUE(
      has(text, "--model_name_or_path 'my models/m.gguf' --adapter_name_or_path 'it'\\''s \"mine\"'"));
  EXPECT_TRUE(has(text, "from_pretrained(model, \"it's \\\"mine\\\"\")"));
  EXPECT_TRUE(has(text, R"({"role": "system", "content": "Be \"brief\".\nDo."}, )"));
  EXPECT_EQ(shell_quoted("$HOME;x"), "'$HOME;x'");
  EXPECT_EQ(shell_quoted(""), "''");
  EXPECT_EQ(shell_quoted("grün/run.yaml"), "grün/run.yaml");
}

TEST(ClosingBlock, AnInterruptedRunSaysHowToGoOn) {
  TrainResult r = result();
  r.interrupted = true;
  const std::string words[] = {"my run.yaml", "max_steps=4"};
  const std::string text = closing_block(r, {}, "bin/fettle", words);
  EXPECT_TRUE(has(text, "run the same command again:\n  bin/fettle train 'my run.yaml' max_steps=4\n"));
  EXPECT_FALSE(has(text, "export"));
}

// A copied command must be found: by the path or the second name the program was called with.
TEST(ClosingBlock, CommandsBearTheNameTheProgramWasCalledBy) {
  for (const char* program : {"build/src/app/fettle", "llamafactory-cli"}) {
    const std::string text = closing_block(result(), {}, program, {});
    for (const char* verb : {"chat", "export", "plot"})
      EXPECT_TRUE(has(text, fmt::format("\n  {} {} ", program, verb))) << verb;
  }
  EXPECT_TRUE(has(closing_block(result(), {}, "my tools/fettle", {}), "\n  'my tools/fettle' chat "));
}

// The file counts, not the name that was typed: a folder with one GGUF, or a file without the ending.
TEST(ClosingBlock, AGgufIsNamedByItsFileEvenWhereTheBaseIsItsFolder) {
  TrainResult r = result();
  r.base_model = "models";
  std::string text = closing_block(r, {.gguf = "models/m.Q4_1.gguf"}, "fettle", {});
  EXPECT_TRUE(has(text, "--model_name_or_path models --adapter"));
  EXPECT_TRUE(has(text, "AutoTokenizer.from_pretrained(\"models\", gguf_file=\"m.Q4_1.gguf\")"));
  EXPECT_TRUE(has(text, "AutoModelForCausalLM.from_pretrained(\"models\", gguf_file=\"m.Q4_1.gguf\")"));
  EXPECT_TRUE(
      has(closing_block(r, {.gguf = "blob"}, "fettle", {}), "from_pretrained(\".\", gguf_file=\"blob\")"));
  EXPECT_FALSE(has(closing_block(r, {}, "fettle", {}), "gguf_file"));
}

class PromptFormTest : public ::testing::Test {
 protected:
  std::shared_ptr<const Tokenizer> tokenizer_ =
      std::make_shared<FakeTokenizer>(std::vector<std::string>{"<s>", "</s>", "<|im_start|>", "<|im_end|>"});
  std::string snippet(Stage stage, const char* name, std::string own,
                      const std::optional<std::string>& system = {}, ThinkingRules thinking = {}) {
    TrainResult r = result();
    r.base_model = "models/folder";
    r.template_name = name;
    const ChatTemplate chat(name, tokenizer_, system, thinking);
    return closing_block(r, prompt_form(stage, chat, std::move(own), system), "fettle", {});
  }
};

// The template's default system text stands in the messages: the model's own may differ from it.
TEST_F(PromptFormTest, TheModelsOwnTemplateIsAppliedWithTheSystemTextOfTheRun) {
  EXPECT_TRUE(
      has(snippet(Stage::sft, "smollm2", "smollm2"),
          "[{\"role\": \"system\", \"content\": \"You are a helpful AI assistant named SmolLM, trained by "
          "Hugging Face.\"}, {\"role\": \"user\", \"content\": \"Hello\"}]"));
  EXPECT_TRUE(has(snippet(Stage::sft, "smollm2", "smollm2", "Be brief."), "\"content\": \"Be brief.\"}, "));
}

TEST_F(PromptFormTest, ChatIsToldTheSystemTextOfTheRunButNotTheTemplates) {
  EXPECT_TRUE(has(snippet(Stage::sft, "smollm2", "smollm2", "Be brief."),
                  "--template smollm2 --default_system 'Be brief.'\n"));
  EXPECT_FALSE(has(snippet(Stage::sft, "smollm2", "smollm2"), "--default_system"));
}

TEST_F(PromptFormTest, NoSystemTextWhereTheTemplateHasOneIsSpeltOut) {
  const std::string text = snippet(Stage::sft, "smollm2", "smollm2", "");
  EXPECT_TRUE(has(text, "--template smollm2 --default_system ''\n"));
  EXPECT_TRUE(has(text, "smollm2 with its system text")) << text;
  EXPECT_FALSE(has(text, "named SmolLM"));
}

TEST_F(PromptFormTest, ChatIsToldWhatTheRunDidWithThoughts) {
  EXPECT_TRUE(has(snippet(Stage::sft, "qwen3", "", {}, {.enable = false}),
                  "--template qwen3 --enable_thinking false\n"));
  EXPECT_TRUE(has(snippet(Stage::sft, "qwen3", "", {}, {.enable = std::nullopt, .preserve = true}),
                  "--template qwen3 --enable_thinking none --preserve_thinking true\n"));
  EXPECT_FALSE(has(snippet(Stage::sft, "qwen3", ""), "thinking"));
  EXPECT_FALSE(has(snippet(Stage::sft, "smollm2", "", {}, {.enable = false}), "thinking"));
}

TEST_F(PromptFormTest, AnotherTemplateIsWrittenOut) {
  const std::string text = snippet(Stage::sft, "llama2", "smollm2", "Be brief.");
  EXPECT_TRUE(has(text, "# Trained with template llama2; the model's own chat template is smollm2"));
  EXPECT_TRUE(has(text, R"(prompt = "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\n" + "Hello" + " [/INST]")"
                        "\n"));
  EXPECT_TRUE(has(text, "add_special_tokens=False"));
  EXPECT_TRUE(has(text, "max_new_tokens=200, eos_token_id=[1])"));
  EXPECT_FALSE(has(text, "apply_chat_template"));
  EXPECT_TRUE(has(snippet(Stage::sft, "default", ""), R"(prompt = "Human: " + "Hello" + "</s>\nAssistant:")"
                                                      "\n"));
}

TEST_F(PromptFormTest, PreTrainingHasNoTemplate) {
  const std::string text = snippet(Stage::pt, "smollm2", "smollm2");
  EXPECT_TRUE(has(text, "ids = tokenizer(\"Once\", return_tensors=\"pt\")"));
  EXPECT_FALSE(has(text, "messages"));
  EXPECT_TRUE(has(text, "--template empty\n"));
  EXPECT_FALSE(has(text, "--template smollm2"));
}

}  // namespace fettle::app
