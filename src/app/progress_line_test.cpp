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
  EXPECT_TRUE(has(text, "74 samples, 80 steps of 8 samples, bf16 on 2 threads (avx2)\n"));
  EXPECT_FALSE(has(text, "step 1/80"));  // no terminal: no moving line
}

// Tokens and loss are the whole run's, time and speed this process's: the line must not mix them up.
TEST(ProgressLine, AResumedRunSaysHowManyStepsTheTimeIsFor) {
  const RunFinished finished{
      .steps = 4, .train_loss = 3.8378, .seconds = 7, .tokens_per_second = 174, .tokens_seen = 2725};
  const auto end_of_run_from = [&](int64_t start) {
    return written(false, [&](ProgressLine& p) {
      p.on_started({.trainable_params = 1, .all_params = 2, .start_step = start});
      p.on_finished(finished);
    });
  };
  EXPECT_TRUE(
      has(end_of_run_from(2),
          "trained 4 steps (2 since resuming) in 0:00:07 at 174 tokens/s: 2,725 tokens, mean loss 3.8378\n"));
  EXPECT_TRUE(has(end_of_run_from(0), "trained 4 steps in 0:00:07 at 174 tokens/s: "));
}

TEST(ProgressLine, TheMovingLineIsDrawnOver) {
  const std::string text =
      written(true, [](ProgressLine& p) { p.on_step({.step = 1, .total_steps = 80, .step_loss = 3}); });
  EXPECT_TRUE(has(text, "step 1/80"));
  EXPECT_TRUE(text.ends_with("\r"));
}

// Nothing happens for a while: the line says that it goes on, where it stands and how long that has taken.
TEST(ProgressLine, ALongStepOrTaskGivesASignOfLife) {
  const auto patient = [](bool moving, auto&& events) {
    std::FILE* file = std::tmpfile();
    {
      ProgressLine line(file, moving, 0.1);
      events(line);
      std::this_thread::sleep_for(std::chrono::milliseconds(400));
    }
    std::string text(size_t(std::ftell(file)), '\0');
    std::rewind(file);
    EXPECT_EQ(std::fread(text.data(), 1, text.size(), file), text.size());
    std::fclose(file);
    return text;
  };
  EXPECT_TRUE(has(patient(false, [](ProgressLine&) {}), "starting: 0:00:00 so far\n"));
  const std::string in_step = patient(false, [](ProgressLine& p) {
    p.on_step({.step = 3, .total_steps = 80, .tokens_per_second = 812, .seconds_left = 190});
  });
  EXPECT_TRUE(has(in_step, "step 4/80: 0:00:00 so far  812 tokens/s  0:03:10 left\n")) << in_step;
  const std::string in_task = patient(true, [](ProgressLine& p) {
    p.on_progress({"Tokenising", 0, 10, "samples"});
  });
  EXPECT_TRUE(has(in_task, "Tokenising: 0:00:00 so far\r")) << in_task;
  const std::string after = patient(false, [](ProgressLine& p) { p.on_finished({.steps = 1}); });
  EXPECT_FALSE(has(after, "so far")) << after;
}

TEST(ProgressLine, GroupsDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(-1234567), "-1,234,567");
  EXPECT_EQ(counted(1, "step"), "1 step");
  EXPECT_EQ(counted(0, "step"), "0 steps");
  EXPECT_EQ(counted(1200, "step"), "1,200 steps");
}

}  // namespace fettle::app
