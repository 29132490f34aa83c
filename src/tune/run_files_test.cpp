#include "tune/run_files.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "base/error.h"
#include "base/file.h"
#include "tune/loss_plot.h"

namespace fettle {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {
class RunFilesTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/fettle-run-XXXXXX";
    job_.output_dir = ::mkdtemp(name);
    job_.logging = {Cadence::Unit::steps, 1};
  }
  void TearDown() override { fs::remove_all(job_.output_dir); }

  static StepDone step(int64_t n, double loss) {
    return {.step = n,
            .total_steps = 4,
            .epoch = double(n) / 2,
            .step_loss = loss,
            .loss = loss,
            .learning_rate = 2.4e-5,
            .grad_norm = 0.5,
            .tokens_seen = 100 * n,
            .seconds = 65.0 * double(n),
            .tokens_per_second = 1.5385,
            .seconds_left = 65.0 * double(4 - n)};
  }
  std::vector<json> log_lines() const {
    std::istringstream in(read_text(job_.output_dir / "trainer_log.jsonl"));
    std::vector<json> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
    return lines;
  }
  TrainJob job_;
};
}  // namespace

TEST_F(RunFilesTest, LogLinesHaveLlamaFactorysKeysInOrder) {
  RunFiles files(job_, "", 0);
  files.on_step(step(1, 1.25));
  EXPECT_EQ(
      read_text(files.log_path()),
      "{\"current_steps\":1,\"total_steps\":4,\"loss\":1.25,\"lr\":2.4e-05,\"epoch\":0.5,\"percentage\":25.0,"
      "\"elapsed_time\":\"0:01:05\",\"remaining_time\":\"0:03:15\",\"throughput\":1.54,\"total_tokens\":100}"
      "\n");
}

TEST_F(RunFilesTest, AStepThatIsNotLoggedLeavesNoLine) {
  RunFiles files(job_, "", 0);
  StepDone quiet = step(1, 1);
  quiet.loss.reset();
  files.on_step(quiet);
  EXPECT_TRUE(log_lines().empty());
  EXPECT_TRUE(files.history().empty());
}

TEST_F(RunFilesTest, ResumingDropsWhatWasWrittenAfterTheCheckpoint) {
  {
    RunFiles files(job_, "", 0);
    files.on_step(step(1, 3));
    files.on_step(step(2, 2));
    fs::create_directory(job_.output_dir / "checkpoint-2");
    write_atomic(job_.output_dir / "checkpoint-2" / "trainer_state.json", files.trainer_state(2, 1));
    files.on_step(step(3, 1));  // then the machine died
  }
  RunFiles files(job_, job_.output_dir / "checkpoint-2", 2);
  ASSERT_EQ(log_lines().size(), 2u);
  ASSERT_EQ(files.history().size(), 2u);
  EXPECT_EQ(files.history()[1].loss, 2);
  files.on_step(step(3, 1));
  ASSERT_EQ(log_lines().size(), 3u);
  EXPECT_EQ(log_lines()[2]["current_steps"], 3);
}

TEST_F(RunFilesTest, ResultsJoinAnExistingAllResults) {
  write_atomic(job_.output_dir / "all_results.json", R"({"eval_loss": 1.5, "train_loss": 9})");
  RunFiles files(job_, "", 0);
  files.on_started({.total_steps = 4});
  files.on_step(step(4, 2));
  files.on_finished({.steps = 4, .epoch = 2, .train_loss = 2.5, .seconds = 10, .tokens_seen = 400});
  const json all = json::parse(read_text(job_.output_dir / "all_results.json"));
  EXPECT_EQ(all["eval_loss"], 1.5);
  EXPECT_EQ(all["train_loss"], 2.5);
  const json state = json::parse(read_text(job_.output_dir / "trainer_state.json"));
  EXPECT_EQ(state["global_step"], 4);
  EXPECT_EQ(state["log_history"].size(), 2u);
  EXPECT_EQ(state["log_history"][1]["train_loss"], 2.5);
}

TEST(Duration, ReadsAsPythonsTimedelta) {
  EXPECT_EQ(duration_text(65.9), "0:01:05");
  EXPECT_EQ(duration_text(93784), "1 day, 2:03:04");
  EXPECT_EQ(duration_text(2 * 86400.0), "2 days, 0:00:00");
}

TEST(Plot, SmoothsAsLlamaFactoryDoes) {
  // n = 2: w = 1.8·(1/(1+e^-0.1) − 0.5) = 0.044962537…
  const std::vector<double> s = smoothed(std::vector<double>{1, 3});
  EXPECT_DOUBLE_EQ(s[0], 1);
  EXPECT_NEAR(s[1], 1 * 0.0449625374 + 3 * 0.9550374626, 1e-9);
}

TEST_F(RunFilesTest, PlotIsAPngAndNeedsTwoPoints) {
  std::vector<PlotPoint> points = {{1, 2}};
  const fs::path png = job_.output_dir / "p.png";
  EXPECT_FALSE(plot_curve(points, "eval_loss", "t", png));
  EXPECT_FALSE(fs::exists(png));
  points.push_back({2, 1});
  EXPECT_TRUE(plot_curve(points, "eval_loss", "t", png));
  EXPECT_EQ(read_text(png).substr(1, 3), "PNG");
}

TEST_F(RunFilesTest, ALogIsDrawnAgainLossByLoss) {
  EXPECT_THROW(plot_log(job_.output_dir), Error) << "no log";
  const fs::path log = job_.output_dir / "trainer_log.jsonl";
  write_atomic(log, "{\"current_steps\": 1, \"loss\": 2.5}\n");
  EXPECT_THROW(plot_log(job_.output_dir), Error) << "one point";
  write_atomic(log,
               "{\"current_steps\": 1, \"loss\": 2.5}\n{\"current_steps\": 2, \"loss\": 2}\n"
               "{\"current_steps\": 1, \"eval_zh_loss\": 3}\n{\"current_steps\": 2, \"eval_zh_loss\": 2}\n"
               "{\"current_steps\": 2, \"eval_loss\": 2}\nno json\n{\"current_steps\": 3, \"lo");
  const std::vector<fs::path> drawn = plot_log(job_.output_dir);
  ASSERT_EQ(drawn.size(), 2u);
  EXPECT_EQ(drawn[0], job_.output_dir / "training_eval_zh_loss.png");
  EXPECT_EQ(drawn[1], job_.output_dir / "training_loss.png");
  EXPECT_TRUE(fs::exists(drawn[0]) && fs::exists(drawn[1]));
}

}  // namespace fettle
