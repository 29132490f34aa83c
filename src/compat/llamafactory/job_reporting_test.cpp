#include <fmt/format.h>

#include "compat/llamafactory/front_testing.h"

namespace fettle::llamafactory {

namespace {
class ReportingTest : public testing::FrontTest {};
}  // namespace

// §2.12, rules 5 and 26, and transformers' conditions for the best checkpoint.
TEST_F(ReportingTest, EvaluationNeedsSamplesAndTheBestNeedsEvaluations) {
  const TrainJob job = train(minimal({"val_size=0.1", "eval_strategy=steps", "logging_steps=20"}));
  EXPECT_EQ(job.eval.cadence.every, 20);  // eval_steps unset: logging_steps
  EXPECT_TRUE(job.eval.at_end);
  EXPECT_TRUE(job.train);
  const TrainJob only = train(minimal({"eval_dataset=a,b", "do_eval=true"}));
  EXPECT_FALSE(only.train);
  EXPECT_EQ(only.eval.datasets, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(train(minimal({"eval_dataset=a", "do_eval=true", "do_train=true"})).train);
  EXPECT_TRUE(contains(error_of(minimal({"do_eval=true"})), "there is nothing to evaluate on"));
  EXPECT_TRUE(contains(error_of(minimal({"eval_strategy=epoch"})), "there is nothing to evaluate on"));
  EXPECT_TRUE(contains(error_of(minimal({"val_size=3", "eval_dataset=a"})), "exclude each other"));
  EXPECT_TRUE(contains(error_of(minimal({"do_train=false"})), "leaves nothing to do"));
  train(minimal({"val_size=3"}));
  EXPECT_TRUE(notes_.has("val_size: nothing evaluates on it"));

  EXPECT_TRUE(contains(error_of(minimal({"load_best_model_at_end=true", "val_size=2"})),
                       "best needs evaluations while training"));
  const std::vector<std::string> best = {"load_best_model_at_end=true", "val_size=2", "eval_strategy=steps"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), best.begin(), best.end());
    return minimal(more);
  };
  EXPECT_TRUE(contains(error_of(with({"save_strategy=epoch"})), "differ"));
  EXPECT_TRUE(contains(error_of(with({"eval_steps=3", "save_steps=10"})), "is no multiple of eval_steps"));
  EXPECT_TRUE(contains(error_of(with({"eval_steps=0.1", "save_steps=10"})), "is no multiple of eval_steps"));
  EXPECT_TRUE(train(with({"eval_steps=0.1", "save_steps=0.3"})).best.load);
  EXPECT_TRUE(train(with({"eval_steps=3", "save_strategy=best"})).best.load);
}

TEST_F(ReportingTest, TrackersThatSendAreRefusedWithTheWayToImport) {
  EXPECT_TRUE(train(minimal({"report_to=tensorboard"})).tensorboard);
  EXPECT_FALSE(train(minimal({"report_to=none"})).tensorboard);
  EXPECT_TRUE(train(minimal({"report_to=all"})).tensorboard);
  EXPECT_TRUE(notes_.has("report_to: all means tensorboard"));
  for (const char* tracker : {"wandb", "swanlab", "mlflow", "trackio"}) {
    const std::string message = error_of(minimal({fmt::format("report_to=tensorboard,{}", tracker)}));
    EXPECT_TRUE(contains(message, fmt::format("report_to: {} is refused", tracker))) << message;
    EXPECT_TRUE(contains(message, "set report_to: tensorboard; afterwards ")) << message;
  }
  EXPECT_TRUE(contains(error_of(minimal({"report_to=tensorbord"})), "no tracker is called 'tensorbord'"));
  train(minimal({"logging_dir=x"}));
  EXPECT_TRUE(notes_.has("logging_dir has no effect without report_to: tensorboard"));
}

TEST_F(ReportingTest, StepsMayBeAShareOfTheRun) {
  EXPECT_EQ(train(minimal({"logging_steps=0.25"})).logging.every, 0.25);
  EXPECT_TRUE(contains(error_of(minimal({"save_steps=2.5"})), "save_steps: 2.5 found; a whole number"));
  EXPECT_EQ(train(minimal({"save_strategy=epoch"})).saving.unit, Cadence::Unit::epochs);
}

}  // namespace fettle::llamafactory
