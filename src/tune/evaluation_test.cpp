// Evaluation: what is held back, what eval_loss is, that it leaves training alone, and the best checkpoint.
#include "tune/evaluation.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "base/error.h"
#include "tune/cadence.h"
#include "tune/checkpoint.h"
#include "tune/session.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using testing::Recorder;

class EvaluationTest : public testing::RunTest {
 protected:
  TrainJob evaluating(const std::string& out) {
    TrainJob j = job(out);
    j.eval.val_size = 4;
    j.eval.cadence = {Cadence::Unit::steps, 3};
    j.eval.at_end = true;
    j.eval.batch_size = 3;
    return j;
  }
  json state(const std::string& folder) {
    return json::parse(read_text(root_ / folder / "trainer_state.json"));
  }
  std::vector<double> eval_losses(const std::string& folder) {
    std::vector<double> losses;
    const json doc = state(folder);
    for (const json& e : doc["log_history"])
      if (e.contains("eval_loss")) losses.push_back(e["eval_loss"]);
    return losses;
  }
};

int64_t held(int64_t count, double val_size) {
  const auto flags = held_back(count, val_size, 42);
  return std::ranges::count(flags, true);
}
}  // namespace

TEST(HeldBack, ACountOrAShareRoundedUp) {
  EXPECT_EQ(held(10, 3), 3);
  EXPECT_EQ(held(10, 3.9), 3);
  EXPECT_EQ(held(10, 0.25), 3);
  EXPECT_EQ(held(10, 0.01), 1);
  EXPECT_THROW(held_back(10, 10, 42), Error);
  EXPECT_THROW(held_back(10, 1, 42), Error);  // a share: all of them
}

TEST(HeldBack, TheSeedDecidesWhich) {
  EXPECT_EQ(held_back(1000, 0.1, 42), held_back(1000, 0.1, 42));
  EXPECT_NE(held_back(1000, 0.1, 42), held_back(1000, 0.1, 43));
  const auto flags = held_back(1000, 500, 42);
  const int64_t first_half = std::count(flags.begin(), flags.begin() + 500, true);
  EXPECT_NEAR(double(first_half), 250, 4 * std::sqrt(1000 / 16.0));  // four standard deviations: not a block
}

// transformers: the mean over batches of the loss per target, a batch weighed by its samples.
TEST(MeanOfBatches, WeighsBatchesBySamples) {
  const std::vector<double> nll = {10, 2, 3};
  const std::vector<int64_t> targets = {5, 1, 3};
  EXPECT_DOUBLE_EQ(mean_of_batches(nll, targets, 2), (2 * (12.0 / 6) + 1 * (3.0 / 3)) / 3);
  EXPECT_DOUBLE_EQ(mean_of_batches(nll, targets, 1), (2.0 + 2.0 + 1.0) / 3);
  EXPECT_DOUBLE_EQ(mean_of_batches(nll, targets, 8), 15.0 / 9);
}

TEST(TimetableTest, FollowsTransformers) {
  const auto due = [](const Timetable& t, int64_t total) {
    std::vector<int64_t> steps;
    for (int64_t s = 0; s <= total; ++s)
      if (t.due(s)) steps.push_back(s);
    return steps;
  };
  const Timetable every_four({Cadence::Unit::steps, 4}, 10, 5, true);
  EXPECT_EQ(due(every_four, 10), (std::vector<int64_t>{4, 8, 10}));
  EXPECT_EQ(every_four.left_after(0), 3);
  EXPECT_EQ(every_four.left_after(4), 2);
  EXPECT_EQ(every_four.left_after(9), 1);
  EXPECT_EQ(every_four.left_after(10), 0);
  const Timetable logging({Cadence::Unit::steps, 4}, 10, 5, false);
  EXPECT_EQ(due(logging, 10), (std::vector<int64_t>{4, 8}));
  EXPECT_EQ(logging.left_after(8), 0);
  const Timetable share({Cadence::Unit::steps, 0.25}, 10, 5, false);  // ⌈2.5⌉ steps
  EXPECT_EQ(due(share, 10), (std::vector<int64_t>{3, 6, 9}));
  const Timetable epochs({Cadence::Unit::epochs, 0}, 12, 5, true);
  EXPECT_EQ(due(epochs, 12), (std::vector<int64_t>{5, 10, 12}));
  const Timetable never({}, 10, 5, true);
  EXPECT_TRUE(due(never, 10).empty());
  EXPECT_EQ(never.left_after(0), 0);
}

// Against the network itself, one sample at a time: packs change nothing, and the mean is transformers'.
TEST_F(EvaluationTest, EvalLossIsTheMeanOverTheHeldBackSamples) {
  TrainJob j = evaluating("out");
  j.eval.on_start = true;  // B is zero then: the base model's loss
  run_training(j, events_, nullptr);
  ASSERT_EQ(events_.evals.size(), 4u);  // steps 0, 3, 6, 9
  EXPECT_EQ(events_.evals[0].step, 0);
  EXPECT_EQ(events_.evals[0].samples, 4);

  Listener silent;
  Session session(j, silent);
  ASSERT_EQ(session.data.eval.size(), 1u);
  const Dataset& data = session.data.eval[0].data;
  ASSERT_EQ(data.size(), 4);
  EXPECT_EQ(session.data.train.size(), 10);
  Network network(session.model, {}, *session.ops,
                  {.compute = DType::f32, .max_tokens = 512, .max_sequences = 1, .max_targets = 512});
  std::vector<double> nll;
  std::vector<int64_t> targets;
  for (int64_t i = 0; i < 4; ++i) {
    Batch batch;
    batch.append(data, i);
    const Segment whole{0, batch.tokens(), -1};
    std::vector<float> logprob(size_t(batch.targets()));
    CrossEntropy objective;
    objective.begin_step(1);
    network.evaluate({.ids = batch.ids,
                      .positions = batch.positions,
                      .cu_seqlens = batch.cu_seqlens,
                      .segments = {&whole, 1},
                      .sample_keys = batch.sample_keys},
                     {batch.target_rows, batch.target_tokens, batch.cu_targets}, objective, logprob);
    double sum = 0;
    for (float lp : logprob) sum -= double(lp);
    nll.push_back(sum);
    targets.push_back(batch.targets());
  }
  EXPECT_DOUBLE_EQ(events_.evals[0].loss, mean_of_batches(nll, targets, 3));
}

TEST_F(EvaluationTest, NoHeldBackSampleIsTrainedOn) {
  Listener silent;
  Session session(evaluating("out"), silent);
  const Dataset &train = session.data.train, &held = session.data.eval[0].data;
  std::set<std::string> places;
  for (int64_t i = 0; i < train.size(); ++i) places.insert(train.place(i).text());
  for (int64_t i = 0; i < held.size(); ++i) EXPECT_TRUE(places.insert(held.place(i).text()).second);
  EXPECT_EQ(places.size(), 14u);
}

TEST_F(EvaluationTest, LeavesTrainingAlone) {
  TrainJob quiet = evaluating("quiet");
  quiet.eval.cadence = {};
  quiet.eval.at_end = false;
  run_training(quiet, events_, nullptr);
  Recorder with;
  run_training(evaluating("evaluated"), with, nullptr);
  EXPECT_EQ(adapter_bytes("evaluated"), adapter_bytes("quiet"));
  EXPECT_EQ(with.losses, events_.losses);
}

TEST_F(EvaluationTest, ResultsGoWhereLlamaFactoryLeavesThem) {
  TrainJob j = evaluating("out");
  const TrainResult result = run_training(j, events_, nullptr);
  ASSERT_EQ(events_.evals.size(), 3u);
  const double last = events_.evals[2].loss;
  EXPECT_LT(last, events_.evals[0].loss);
  EXPECT_EQ(eval_losses("out"), (std::vector<double>{events_.evals[0].loss, events_.evals[1].loss, last}));
  const json results = json::parse(read_text(root_ / "out" / "eval_results.json"));
  EXPECT_EQ(results["eval_loss"], last);
  EXPECT_EQ(results["epoch"], 3);  // 9 steps of 3
  for (const char* key : {"eval_runtime", "eval_samples_per_second", "eval_steps_per_second"})
    EXPECT_TRUE(results.contains(key)) << key;
  const json all = json::parse(read_text(root_ / "out" / "all_results.json"));
  EXPECT_EQ(all["eval_loss"], last);
  EXPECT_TRUE(all.contains("train_loss"));
  const std::string log = read_text(root_ / "out" / "trainer_log.jsonl");
  EXPECT_NE(log.find("{\"current_steps\":3,\"total_steps\":9,\"eval_loss\":"), std::string::npos) << log;
  ASSERT_EQ(result.eval_plots.size(), 1u);
  EXPECT_TRUE(fs::exists(root_ / "out" / "training_eval_loss.png"));
}

TEST_F(EvaluationTest, EachDatasetHasItsOwnResult) {
  write_atomic(root_ / "dataset_info.json",
               R"({"tiny": {"file_name": "data.json"}, "other": {"file_name": "data.json"}})");
  TrainJob j = evaluating("out");
  j.eval.val_size = 0;
  j.eval.datasets = {"tiny", "other"};
  j.eval.each = true;
  j.data.max_samples = 5;
  run_training(j, events_, nullptr);
  const json results = json::parse(read_text(root_ / "out" / "eval_results.json"));
  EXPECT_EQ(results["eval_tiny_loss"], results["eval_other_loss"]);
  EXPECT_FALSE(results.contains("eval_loss"));
  EXPECT_TRUE(fs::exists(root_ / "out" / "training_eval_other_loss.png"));
  TrainJob together = j;
  together.output_dir = root_ / "together";
  together.eval.each = false;
  Recorder one;
  run_training(together, one, nullptr);
  EXPECT_EQ(one.evals.size(), 3u);
  EXPECT_EQ(one.evals[0].samples, 10);
}

// Stopped after a step, within an evaluation and in the last one: bits and results are those of one run.
TEST_F(EvaluationTest, AStoppedRunResumesWithTheSameBitsAndResults) {
  run_training(evaluating("whole"), events_, nullptr);
  for (int at = 1; at <= 5; ++at) {
    const std::string out = "stopped" + std::to_string(at);
    TrainJob j = evaluating(out);
    Recorder first, second;
    if (at <= 3) first.stop_in_evaluation = at;
    if (at > 3) first.stop_at = at;
    EXPECT_TRUE(run_training(j, first, &first.stop).interrupted) << at;
    j.resume_from = "auto";
    EXPECT_FALSE(run_training(j, second, nullptr).interrupted) << at;
    EXPECT_EQ(adapter_bytes(out), adapter_bytes("whole")) << at;
    EXPECT_EQ(eval_losses(out), eval_losses("whole")) << at;
    EXPECT_EQ(json::parse(read_text(root_ / out / "eval_results.json"))["eval_loss"],
              json::parse(read_text(root_ / "whole" / "eval_results.json"))["eval_loss"]);
  }
}

// A rate so high that the loss climbs again: the best is not the last.
TEST_F(EvaluationTest, TheBestCheckpointIsKeptAndLoaded) {
  TrainJob j = evaluating("out");
  j.learning_rate = 3;
  j.schedule = ScheduleKind::constant;
  j.max_steps = 3;
  j.eval.cadence = {Cadence::Unit::steps, 1};
  j.saving = {Cadence::Unit::steps, 1};
  j.save_total_limit = 2;
  j.best.load = true;
  run_training(j, events_, nullptr);
  const auto best = std::ranges::min_element(events_.evals, {}, &EvalDone::loss);
  std::string losses;
  for (const EvalDone& e : events_.evals) losses += fmt::format(" {:.3f}", e.loss);
  ASSERT_NE(best->step, 3) << "this test needs a run that gets worse:" << losses;
  const auto left = checkpoints(root_ / "out");
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[0], checkpoint_path(root_ / "out", best->step));
  EXPECT_EQ(left[1].filename(), "checkpoint-3");
  EXPECT_EQ(adapter_bytes("out"), read_text(left[0] / "adapter_model.safetensors"));
  EXPECT_EQ(json::parse(read_text(root_ / "out" / "eval_results.json"))["eval_loss"], best->loss);
  EXPECT_EQ(state("out")["best_global_step"], best->step);
  EXPECT_EQ(state("out")["best_metric"], best->loss);
  EXPECT_EQ(state("out")["best_model_checkpoint"], left[0].string());

  j.output_dir = root_ / "only_best";
  j.saving = {Cadence::Unit::best};
  run_training(j, events_, nullptr);
  EXPECT_EQ(adapter_bytes("only_best"), adapter_bytes("out"));
  j.output_dir = root_ / "worst";
  j.best.greater = true;
  run_training(j, events_, nullptr);
  EXPECT_NE(adapter_bytes("worst"), adapter_bytes("out"));
}

TEST_F(EvaluationTest, AMetricThatDoesNotExistIsNamed) {
  TrainJob j = evaluating("out");
  j.best = {.load = true, .metric = "accuracy", .greater = true};
  try {
    run_training(j, events_, nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("no metric eval_accuracy"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("there is: eval_loss"), std::string::npos);
  }
}

TEST_F(EvaluationTest, AloneItAddsToWhatLiesThere) {
  TrainJob j = evaluating("out");
  run_training(j, events_, nullptr);
  const std::string log = read_text(root_ / "out" / "trainer_log.jsonl"), trained = adapter_bytes("out");
  TrainJob only = evaluating("out");
  only.train = false;
  only.model.adapters = {(root_ / "out").string()};
  Recorder alone;
  run_evaluation(only, alone, nullptr);
  ASSERT_EQ(alone.evals.size(), 1u);
  EXPECT_EQ(alone.evals[0].loss, events_.evals.back().loss);
  const json all = json::parse(read_text(root_ / "out" / "all_results.json"));
  EXPECT_TRUE(all.contains("train_loss"));
  EXPECT_EQ(adapter_bytes("out"), trained);
  const std::string longer = read_text(root_ / "out" / "trainer_log.jsonl");
  EXPECT_TRUE(longer.starts_with(log));
  EXPECT_NE(longer.substr(log.size()).find("eval_loss"), std::string::npos);

  only.model.adapters.clear();
  only.output_dir = root_ / "base";
  only.stage = Stage::pt;
  Recorder base;
  run_evaluation(only, base, nullptr);
  const json results = json::parse(read_text(root_ / "base" / "eval_results.json"));
  EXPECT_DOUBLE_EQ(results["eval_perplexity"], std::exp(base.evals[0].loss));
  EXPECT_FALSE(results.contains("epoch"));
}

}  // namespace fettle
