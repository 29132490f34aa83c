#include "app/init.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>

#include "app/embedded.h"
#include "app/verbs_testing.h"
#include "base/error.h"
#include "base/file.h"
#include "compat/llamafactory/front.h"
#include "model/tiny_model_testing.h"
#include "token/tokenizer.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

/// Every test runs inside its own empty folder.
class Init : public ::testing::Test {
 protected:
  void SetUp() override {
    before_ = fs::current_path();
    char name[] = "/tmp/fettle-init-XXXXXX";
    folder_ = ::mkdtemp(name);
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  static void write_model() {
    const fs::path tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    fs::create_directories("model");
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, fs::path("model") / file);
    fettle::testing::TinyModel model("llama");
    model.config["vocab_size"] = load_tokenizer("model")->vocab_size();
    fettle::testing::write_hf("model", model);
  }
  static void write_records(const fs::path& path, int count) {
    std::string text;
    for (int i = 0; i < count; ++i)
      text +=
          fmt::format("{{\"instruction\": \"question {}\", \"input\": \"\", \"output\": \"answer\"}}\n", i);
    if (path.has_parent_path()) fs::create_directories(path.parent_path());
    write_atomic(path, text);
  }
  static OptionSet options_of(const std::string& config) {
    Listener silent;
    const std::string words[] = {config};
    return llamafactory::parse_arguments(words, silent);
  }
  static std::string error_of(std::vector<std::string> words) {
    words.insert(words.begin(), "init");
    ::testing::internal::CaptureStdout();
    std::string message = "no error";
    try {
      run_verb(words);
    } catch (const Error& error) {
      message = error.message();
    }
    ::testing::internal::GetCapturedStdout();
    return message;
  }

  fs::path before_, folder_;
};
}  // namespace

TEST_F(Init, AModelAndAFileBecomeAConfigThatIsAJob) {
  write_model();
  write_records("mine/questions.jsonl", 120);
  const std::string said =
      output_of({"init", "--model", "model", "--dataset", "mine/questions.jsonl", "--template", "alpaca"});
  EXPECT_TRUE(has(said, "fettle train questions.yaml")) << said;
  const auto registry = nlohmann::json::parse(read_text("mine/dataset_info.json"));
  EXPECT_EQ(registry["questions"]["file_name"], "questions.jsonl");
  EXPECT_EQ(registry["questions"]["columns"]["prompt"], "instruction");
  const OptionSet options = options_of("questions.yaml");
  Listener silent;
  const TrainJob job = llamafactory::train_job(options, silent);
  EXPECT_EQ(job.model.model, "model");
  EXPECT_EQ(job.model.template_name, "alpaca");
  EXPECT_EQ(job.data.dataset_dir, "mine");
  EXPECT_EQ(job.data.datasets, std::vector<std::string>{"questions"});
  EXPECT_EQ(job.data.cutoff_len, 64) << "every sample is shorter";
  EXPECT_EQ(job.batch_size * job.accumulation, 8);
  EXPECT_EQ(job.epochs, 6);
  EXPECT_EQ(job.eval.val_size, 0.05);
  EXPECT_EQ(job.output_dir, "saves/questions");
  EXPECT_TRUE(has(read_text("questions.yaml"), "# the longest sample has "));
}

TEST_F(Init, WhatOneSaysStandsInTheFile) {
  write_model();
  write_records("q.jsonl", 10);
  output_of({"init", "--model=model", "--dataset", "./q.jsonl", "--template", "alpaca", "--lora-rank", "4",
             "--learning_rate", "3e-4", "--niceness", "5", "--output", "configs/mine.yaml"});
  const OptionSet options = options_of("configs/mine.yaml");
  EXPECT_EQ(options.integer("lora_rank"), 4);
  EXPECT_EQ(options.text("dataset_dir"), ".");
  EXPECT_EQ(options.number("learning_rate"), 3e-4);
  EXPECT_EQ(options.integer("niceness"), 5);
  EXPECT_FALSE(options.given("val_size")) << "ten samples are too few to hold any back";
}

TEST_F(Init, NothingIsWrittenOver) {
  write_model();
  write_records("q.jsonl", 10);
  write_atomic("dataset_info.json", R"({"q": {"file_name": "other.jsonl"}})");
  const std::vector<std::string> words = {"--model", "model", "--dataset", "q.jsonl", "--template", "alpaca"};
  EXPECT_EQ(error_of(words), "no error");
  EXPECT_EQ(nlohmann::json::parse(read_text("dataset_info.json"))["q"]["file_name"], "other.jsonl");
  EXPECT_EQ(options_of("q.yaml").list("dataset"), std::vector<std::string>{"q_2"});
  const std::string before = read_text("q.yaml");
  EXPECT_EQ(error_of(words),
            "q.yaml: a file of that name stands there already\n  hint: name another with --output, or move "
            "it away");
  EXPECT_EQ(read_text("q.yaml"), before);
}

TEST_F(Init, BadDataRegistersNothing) {
  write_model();
  write_atomic("q.jsonl", "{\"q\": 1}\n");
  EXPECT_TRUE(
      has(error_of({"--model", "model", "--dataset", "q.jsonl"}), "what the records are cannot be told"));
  EXPECT_TRUE(has(error_of({"--dataset", "q.jsonl", "--output"}), "--output has no value"));
  EXPECT_TRUE(has(error_of({"--model", "model"}), "0 datasets found, one expected"));
  EXPECT_FALSE(fs::exists("dataset_info.json"));
  EXPECT_FALSE(fs::exists("q.yaml"));
}

TEST_F(Init, TextsArePreTrainedOn) {
  write_model();
  write_atomic("notes.txt", "one\ntwo\nthree\n");
  EXPECT_EQ(error_of({"--model", "model", "--dataset", "notes.txt"}), "no error");
  const OptionSet options = options_of("notes.yaml");
  EXPECT_EQ(options.text("stage"), "pt");
  EXPECT_FALSE(options.given("template"));
}

TEST_F(Init, ExamplesComeWithTheirSets) {
  Listener silent;
  EXPECT_EQ(copy_example("examples/train_lora/llama3_lora_sft.yaml", "", silent), "llama3_lora_sft.yaml");
  EXPECT_EQ(read_text("llama3_lora_sft.yaml"),
            read_text(fs::path(FETTLE_SOURCE_DIR) / "examples/train_lora/llama3_lora_sft.yaml"));
  const auto registry = nlohmann::json::parse(read_text("data/dataset_info.json"));
  for (const char* set : {"identity", "alpaca_en_demo"}) {
    ASSERT_TRUE(registry.contains(set)) << set;
    EXPECT_TRUE(fs::exists(fs::path("data") / registry[set]["file_name"].get<std::string>())) << set;
  }
  write_atomic("data/identity.json", "[]");
  copy_example("qwen3_lora_sft_best", "configs/mine.yaml", silent);
  EXPECT_EQ(read_text("data/identity.json"), "[]") << "the user's file stays";
  EXPECT_TRUE(fs::exists("configs/mine.yaml"));
}

TEST_F(Init, AnExampleIsNamedWithoutDoubt) {
  EXPECT_TRUE(
      has(error_of({"--from", "llama3_lora_sft"}), "several examples are called \"llama3_lora_sft\""));
  EXPECT_TRUE(
      has(error_of({"--from", "train_lora/llama3_lora_stf"}), "did you mean train_lora/llama3_lora_sft?"));
  EXPECT_EQ(error_of({"--from", "train_lora/llama3_lora_sft"}), "no error");
  EXPECT_TRUE(has(error_of({"--from", "train_lora/llama3_lora_sft"}), "stands there already"));
}

TEST_F(Init, EveryExampleTravelsInTheProgram) {
  size_t examples = 0;
  for (const auto& file : fs::recursive_directory_iterator(fs::path(FETTLE_SOURCE_DIR) / "examples"))
    examples += file.path().extension() == ".yaml";
  size_t embedded = 0;
  for (const EmbeddedFile& file : embedded_files()) {
    EXPECT_EQ(file.text, read_text(fs::path(FETTLE_SOURCE_DIR) / file.path)) << file.path;
    embedded += file.path.starts_with("examples/");
  }
  EXPECT_EQ(embedded, examples);
}

TEST_F(Init, ValuesAreQuotedWhereYamlWouldReadThemOtherwise) {
  const std::string text = yaml_of("head", {{"a", "", ""},
                                            {"b", "ollama:qwen2.5:0.5b", "why"},
                                            {"c", "my model", ""},
                                            {"d", "C:\\\"x\"", ""},
                                            {"e", "数据.json", ""}});
  EXPECT_EQ(text,
            "# head\n\n### a\nb: ollama:qwen2.5:0.5b  # why\nc: \"my model\"\nd: \"C:\\\\\\\"x\\\"\"\ne: "
            "数据.json\n");
}

}  // namespace fettle::app
