#include <gtest/gtest.h>

#include <filesystem>

#include "app/verbs_testing.h"
#include "base/error.h"
#include "base/file.h"
#include "model/model_testing.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;
using fettle::testing::TestFolder;

class TemplateVerb : public ::testing::Test {
 protected:
  void SetUp() override {
    const fs::path tokenizer = fs::path(FETTLE_SOURCE_DIR) / "tests/golden/templates_tokenizer";
    for (const char* file : {"tokenizer.json", "tokenizer_config.json"})
      fs::copy_file(tokenizer / file, model_ / file);
    fettle::testing::load_hf(model_, {});
  }
  void ship(const std::string& jinja) { write_atomic(model_ / "chat_template.jinja", jinja); }
  std::string model() const { return fs::path(model_).string(); }

  TestFolder model_{"template_model"};
};

constexpr const char* kChatMl =
    "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>' + '\n' }}{% endfor "
    "%}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
}  // namespace

TEST(TemplateByName, IsShownWithoutAModel) {
  const std::string text = output_of({"template", "llama3"});
  EXPECT_TRUE(has(text, "template  llama3\n"));
  EXPECT_TRUE(has(
      text, "  | {BOS}<|start_header_id|>system<|end_header_id|>↵\n  | ↵\n  | Answer briefly.<|eot_id|>"));
}

TEST_F(TemplateVerb, ComparesWithTheModelsOwn) {
  ship(kChatMl);
  EXPECT_TRUE(has(output_of({"template", "chatml", "--model", model()}),
                  "writes the same, in all of 5 conversations"));
  std::string other = kChatMl;
  other.insert(other.find("m.content"), "'!' + ");
  ship(other);
  const std::string text = output_of({"template", "chatml", "--model", model()});
  EXPECT_TRUE(has(text, "differs in 5 of 5 conversations")) << text;
}

TEST_F(TemplateVerb, NamesWhatIsTakenWithoutAName) {
  EXPECT_TRUE(has(output_of({"template", "--model", model()}), "carries no chat template: `empty` is taken"));
  ship(kChatMl);
  EXPECT_TRUE(has(output_of({"template", "--model", model()}), "Taken for this model unless one is named: "));
  ship("{{ messages }}");
  EXPECT_THROW(run_verb(std::vector<std::string>{"template", "--model", model()}), Error);
}

TEST_F(TemplateVerb, WrongWordsAreNamed) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"template"},
                                                {"template", "nosuch"},
                                                {"template", "--model"},
                                                {"template", "a", "b"}})
    EXPECT_THROW(run_verb(words), Error);
}

}  // namespace fettle::app
