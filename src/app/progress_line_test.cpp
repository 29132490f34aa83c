#include "app/progress_line.h"

#include <gtest/gtest.h>

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

}  // namespace

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

}  // namespace fettle::app
