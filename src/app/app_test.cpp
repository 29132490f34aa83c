#include <gtest/gtest.h>

#include <algorithm>

#include "app/closing_block.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "compat/llamafactory/front.h"

namespace fettle::app {

namespace {
bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// What a listener wrote, read back from a temporary file.
template <class Act>
std::string written(bool moving, Act act) {
  std::FILE* file = std::tmpfile();
  {
    ProgressLine progress(file, moving);
    act(progress);
  }
  std::string text(size_t(std::ftell(file)), '\0');
  std::rewind(file);
  const size_t read = std::fread(text.data(), 1, text.size(), file);
  std::fclose(file);
  text.resize(read);
  return text;
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
  const std::string text = closing_block(result(), "smollm2", "fettle train run.yaml");
  EXPECT_TRUE(has(text, "saves/mine/adapter_model.safetensors"));
  EXPECT_TRUE(has(text,
                  "fettle chat --model_name_or_path models/m.Q4_1.gguf --adapter_name_or_path saves/mine "
                  "--template smollm2"));
  EXPECT_TRUE(has(text, "fettle export"));
  EXPECT_TRUE(has(text, "from_pretrained(\"models\", gguf_file=\"m.Q4_1.gguf\")"));
  EXPECT_TRUE(has(text, "apply_chat_template"));
  EXPECT_FALSE(has(text, "# Trained with template"));
}

TEST(ClosingBlock, SaysWhenTheModelsOwnTemplateIsAnother) {
  TrainResult r = result();
  r.base_model = "models/folder";
  r.template_name = "alpaca";
  const std::string text = closing_block(r, "smollm2", "");
  EXPECT_TRUE(has(text, "AutoModelForCausalLM.from_pretrained(\"models/folder\")"));
  EXPECT_TRUE(has(text, "# Trained with template alpaca; the model's own chat template is smollm2"));
}

TEST(ClosingBlock, AnInterruptedRunSaysHowToGoOn) {
  TrainResult r = result();
  r.interrupted = true;
  EXPECT_TRUE(has(closing_block(r, "", "fettle train run.yaml"), "fettle train run.yaml"));
}

TEST(ProgressLine, StartAndLoggedStepsStay) {
  const std::string text = written(false, [](ProgressLine& p) {
    p.on_started({.trainable_params = 2442240,
                  .all_params = 136957248,
                  .samples = 74,
                  .total_steps = 80,
                  .batch_size = 8,
                  .compute = "bf16",
                  .isa = "avx2",
                  .threads = 2});
    p.on_step({.step = 1, .total_steps = 80, .step_loss = 3});
    p.on_step({.step = 5,
               .total_steps = 80,
               .epoch = 0.5,
               .step_loss = 3,
               .loss = 3.25,
               .learning_rate = 1e-4,
               .grad_norm = 0.5,
               .tokens_per_second = 350.4,
               .seconds_left = 65});
  });
  EXPECT_TRUE(has(text, "trainable params: 2,442,240 || all params: 136,957,248 || trainable%: 1.7832\n"));
  EXPECT_TRUE(
      has(text,
          "step 5/80  epoch 0.50  loss 3.2500  lr 1.00e-04  grad norm 0.500  350 tokens/s  0:01:05 left\n"));
  EXPECT_FALSE(has(text, "step 1/80"));  // no terminal: no moving line
}

TEST(ProgressLine, TheMovingLineIsDrawnOver) {
  const std::string text =
      written(true, [](ProgressLine& p) { p.on_step({.step = 1, .total_steps = 80, .step_loss = 3}); });
  EXPECT_TRUE(has(text, "step 1/80"));
  EXPECT_TRUE(text.ends_with("\r"));
}

TEST(ProgressLine, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
}

TEST(Verbs, ALaterVerbIsAnErrorByNameWithAWayOut) {
  for (const VerbRow& verb : verbs()) {
    if (verb.run) continue;
    const std::string words[] = {std::string(verb.name)};
    try {
      run_verb(words);
      FAIL() << verb.name;
    } catch (const Error& e) {
      EXPECT_TRUE(has(e.message(), std::string(verb.name) + " is not there yet"));
      EXPECT_FALSE(e.hint().empty());
    }
  }
}

TEST(Verbs, AnUnknownVerbExitsWithTwo) {
  const std::string words[] = {"trian"};
  EXPECT_EQ(run_verb(words), 2);
  EXPECT_EQ(run_verb({}), 0);
}

TEST(Docs, OptionsPageIsCurrent) {
  EXPECT_EQ(read_text(std::string(FETTLE_SOURCE_DIR) + "/docs/options.md"),
            options_markdown(llamafactory::option_groups()))
      << "run: fettle help --markdown > docs/options.md";
}

}  // namespace fettle::app
