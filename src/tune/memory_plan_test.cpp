// Memory is planned, and a run is fitted to what it may take without changing a bit of its result.
#include "tune/memory_plan.h"

#include <algorithm>

#include "base/error.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

class MemoryPlanTest : public testing::RunTest {
 protected:
  RunPlan planned(const TrainJob& job) { return plan_training(job, events_); }
  int64_t bytes_at(Recompute level) {
    TrainJob j = job("plan");
    j.recompute = level;
    return planned(j).memory.bytes();
  }
  std::string trained(const std::string& out, Recompute level) {
    TrainJob j = job(out);
    j.recompute = level;
    run_training(j, events_, nullptr);
    return adapter_bytes(out);
  }
};

int64_t line(const MemoryPlan& plan, std::string_view name) {
  const auto found = std::ranges::find(plan.lines, name, &PlanLine::name);
  return found == plan.lines.end() ? 0 : found->bytes;
}
}  // namespace

TEST_F(MemoryPlanTest, EveryLevelGivesTheSameAdapter) {
  const std::string whole = trained("none", Recompute::none);
  EXPECT_EQ(trained("mlp", Recompute::mlp), whole);
  EXPECT_EQ(trained("block", Recompute::block), whole);
}

TEST_F(MemoryPlanTest, APlanWritesNothingAndNamesItsParts) {
  const RunPlan plan = planned(job("plan"));
  EXPECT_FALSE(fs::exists(root_ / "plan"));
  EXPECT_TRUE(plan.memory.fits());
  EXPECT_EQ(plan.memory.recompute, Recompute::none);
  const int64_t parameters = line(plan.memory, "adapter parameters");
  EXPECT_GT(parameters, 0);
  EXPECT_EQ(line(plan.memory, "adapter gradients"), parameters);
  EXPECT_EQ(line(plan.memory, "moments of the optimizer"), 2 * parameters);
  EXPECT_GT(line(plan.memory, "scratch of kernels"), 0);
  ASSERT_TRUE(plan.time);
  EXPECT_EQ(plan.time->steps, 9);
  EXPECT_GT(plan.time->seconds, 0);
  EXPECT_GT(plan.time->tokens_per_second, 0);
}

TEST_F(MemoryPlanTest, EvaluationsArePlannedAsTheRunMakesThem) {
  TrainJob j = job("evaluated");  // nine steps
  EXPECT_EQ(planned(j).time->evaluations, 0);
  j.eval.val_size = 4;
  const auto evaluations = [&](bool on_start, bool at_end, Cadence cadence) {
    j.eval.on_start = on_start;
    j.eval.at_end = at_end;
    j.eval.cadence = cadence;
    const TimePlan time = *planned(j).time;
    EXPECT_EQ(time.evaluation_seconds > 0, time.evaluations > 0);
    testing::Recorder run;
    j.overwrite_output_dir = true;
    run_training(j, run, nullptr);
    EXPECT_EQ(time.evaluations, int64_t(run.evals.size()));
    return time.evaluations;
  };
  EXPECT_EQ(evaluations(false, false, {Cadence::Unit::steps, 4}), 3);  // 4, 8 and the last
  EXPECT_EQ(evaluations(true, true, {Cadence::Unit::steps, 4}), 4);    // the last is the one at the end
  EXPECT_EQ(evaluations(false, true, {Cadence::Unit::never, 0}), 1);
}

TEST_F(MemoryPlanTest, ABatchIsPlannedForItsLongestSamples) {
  Dataset data;
  const auto add = [&](size_t tokens, size_t trained) {
    std::vector<int32_t> labels(tokens, kIgnoreIndex);
    std::fill(labels.end() - ptrdiff_t(trained), labels.end(), 1);
    data.add(std::vector<int32_t>(tokens, 1), std::move(labels), {});
  };
  add(10, 2);
  add(40, 1);
  add(30, 20);
  const BatchShape shape = batch_shape(data, 2);
  EXPECT_EQ(shape.tokens, 70);
  EXPECT_EQ(shape.targets, 22);
  EXPECT_EQ(shape.sequences, 2);
  EXPECT_EQ(batch_shape(data, 2, 25).tokens, 50);
  EXPECT_EQ(batch_shape(data, 99).sequences, 3);
}

// What follows compares measured memory: not under a sanitizer, which keeps freed memory resident.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// What has a line of its own is not in what was measured as well, although it lies in memory by then.
TEST_F(MemoryPlanTest, NothingIsCountedTwice) {
  const auto measured_at = [&](int64_t rank) {
    TrainJob j = job("plan");
    j.lora.rank = rank;
    const MemoryPlan plan = planned(j).memory;
    return std::pair(line(plan, "program, tokenizer, samples (measured)"),
                     line(plan, "moments of the optimizer"));
  };
  measured_at(4);  // what a process takes only once
  const auto [small, ignored] = measured_at(4);
  const auto [large, moments] = measured_at(1024);
  ASSERT_GT(moments, 8 << 20);
  EXPECT_LT(large - small, moments / 4);
}

TEST_F(MemoryPlanTest, TheFirstLevelThatFitsIsTaken) {
  TrainJob j = job("fitted");
  j.batch_size = 14;
  const Session session(j, events_);
  const auto adapter = LoraAdapter::create(*session.model, {.rank = 4}, 1);
  adapter->make_trainable();
  const auto fitted = [&](int64_t limit) {
    j.memory_limit = limit;
    return MemoryPlanner(j, session, {adapter.get()}, 0, 0).plan();
  };
  const auto bytes = [&](Recompute level) {
    j.recompute = level;
    const int64_t b = fitted(1).bytes();
    j.recompute.reset();
    return b;
  };
  const int64_t none = bytes(Recompute::none), mlp = bytes(Recompute::mlp), block = bytes(Recompute::block);
  ASSERT_LT(mlp, none);
  ASSERT_LT(block, mlp);
  // What the process itself holds is measured anew every time: some play.
  constexpr int64_t kPlay = 4 << 20;
  EXPECT_EQ(fitted(none + kPlay).recompute, Recompute::none);
  EXPECT_EQ(fitted((none + mlp) / 2).recompute, Recompute::mlp);
  EXPECT_EQ(fitted(1).recompute, Recompute::block);
  EXPECT_FALSE(fitted(1).fits());
}

TEST_F(MemoryPlanTest, ARunThatDoesNotFitIsRefusedWithWhatWouldMakeItFit) {
  TrainJob j = job("refused");
  j.batch_size = 14;
  j.recompute = Recompute::block;
  const int64_t large = planned(j).memory.bytes();
  TrainJob one = j;
  one.batch_size = 1;
  const int64_t small = planned(one).memory.bytes();
  ASSERT_LT(small, large);
  j.memory_limit = (small + large) / 2;
  try {
    run_training(j, events_, nullptr);
    FAIL() << "it ran";
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("of memory"), std::string::npos) << e.message();
    EXPECT_NE(e.message().find("per_device_train_batch_size: "), std::string::npos) << e.message();
  }
  EXPECT_FALSE(fs::exists(root_ / "refused"));
  EXPECT_EQ(planned(j).remedies.size(), 3u);
  j.memory_limit = 1;
  EXPECT_THROW(run_training(j, events_, nullptr), Error);
}
#endif

}  // namespace fettle
