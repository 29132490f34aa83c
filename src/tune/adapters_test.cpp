// Runs that begin with adapters: continued, added up, and under a new one.
#include <cmath>

#include "base/error.h"
#include "model/lora_stack.h"
#include "tune/tune_testing.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using testing::Recorder;

class AdaptersTest : public testing::RunTest {
 protected:
  TrainJob plain(const std::string& out) {
    TrainJob j = job(out);
    j.lora.dropout = 0;
    j.eval.val_size = 4;
    j.eval.on_start = j.eval.at_end = true;
    return j;
  }
  std::string at(const std::string& out) { return (root_ / out).string(); }
  double loss_of(const std::vector<std::string>& adapters) {
    TrainJob j = plain("evaluated");
    j.train = false;
    j.model.adapters = adapters;
    Recorder alone;
    run_evaluation(j, alone, nullptr);
    return alone.evals.at(0).loss;
  }
};
}  // namespace

TEST_F(AdaptersTest, ContinuingStartsFromTheGivenOne) {
  run_training(plain("first"), events_, nullptr);
  TrainJob j = plain("second");
  j.model.adapters = {at("first")};
  Recorder again;
  const TrainResult result = run_training(j, again, nullptr);
  EXPECT_EQ(again.evals.front().loss, events_.evals.back().loss);
  EXPECT_LT(again.evals.back().loss, again.evals.front().loss);
  EXPECT_TRUE(result.below.empty());
}

// A new adapter's B is zero: the run starts where the given one ended, which stays as it is.
TEST_F(AdaptersTest, ANewAdapterStandsOnTheGivenOnes) {
  run_training(plain("first"), events_, nullptr);
  const std::string first = adapter_bytes("first");
  TrainJob j = plain("second");
  j.model.adapters = {at("first")};
  j.lora.create_new = true;
  j.lora.rank = 2;
  j.lora.targets = {"q_proj", "down_proj"};
  j.seed = 7;
  j.eval.val_size = 0;
  j.eval.datasets = {"tiny"};
  Recorder again;
  const TrainResult result = run_training(j, again, nullptr);
  TrainJob check = plain("check");
  check.train = false;
  check.eval.val_size = 0;
  check.eval.datasets = {"tiny"};
  check.model.adapters = {at("first")};
  Recorder before, after;
  run_evaluation(check, before, nullptr);
  EXPECT_NEAR(again.evals.front().loss, before.evals[0].loss, 1e-6);
  check.model.adapters = {at("first"), at("second")};
  run_evaluation(check, after, nullptr);
  EXPECT_NEAR(again.evals.back().loss, after.evals[0].loss, 1e-6);
  EXPECT_LT(after.evals[0].loss, before.evals[0].loss);
  EXPECT_EQ(adapter_bytes("first"), first);
  EXPECT_EQ(result.below, std::vector<std::string>{at("first")});
  EXPECT_EQ(json::parse(read_text(root_ / "second" / "adapter_config.json"))["r"], 2);
}

TEST_F(AdaptersTest, OfSeveralTheLastGoesOn) {
  run_training(plain("a"), events_, nullptr);
  TrainJob second = plain("b");
  second.seed = 7;
  second.data.shuffle = false;
  run_training(second, events_, nullptr);
  TrainJob j = plain("c");
  j.model.adapters = {at("a"), at("b")};
  Recorder again;
  const TrainResult result = run_training(j, again, nullptr);
  EXPECT_NEAR(again.evals.front().loss, loss_of({at("a"), at("b")}), 1e-6);
  EXPECT_NEAR(again.evals.back().loss, loss_of({at("a"), at("c")}), 1e-6);
  EXPECT_EQ(result.below, std::vector<std::string>{at("a")});

  TrainJob stopped = plain("d");
  stopped.model.adapters = j.model.adapters;
  Recorder first;
  first.stop_at = 5;
  EXPECT_TRUE(run_training(stopped, first, &first.stop).interrupted);
  stopped.resume_from = "auto";
  run_training(stopped, first, nullptr);
  EXPECT_EQ(adapter_bytes("d"), adapter_bytes("c"));
  fs::remove_all(root_ / "d");
  first.stop = false;
  stopped.resume_from = "";
  EXPECT_TRUE(run_training(stopped, first, &first.stop).interrupted);
  stopped.resume_from = "auto";
  stopped.model.adapters[0] = at("b");
  try {
    run_training(stopped, first, nullptr);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(e.message().find("the adapters below the trained one"), std::string::npos) << e.message();
  }
}

// alpha / √rank: as if alpha were √rank times as large, in training, in its files and in what comes after.
TEST_F(AdaptersTest, RsloraScalesByTheRootOfTheRank) {
  TrainJob j = plain("rslora");
  j.lora.rslora = true;
  TrainJob same = plain("same");
  same.lora.alpha *= std::sqrt(double(same.lora.rank));
  run_training(j, events_, nullptr);
  Recorder other;
  run_training(same, other, nullptr);
  EXPECT_EQ(other.losses, events_.losses);
  EXPECT_EQ(adapter_bytes("rslora"), adapter_bytes("same"));
  EXPECT_EQ(json::parse(read_text(root_ / "rslora" / "adapter_config.json"))["use_rslora"], true);
  EXPECT_EQ(loss_of({at("rslora")}), events_.evals.back().loss);
}

TEST_F(AdaptersTest, TheBaseIsCalledWhatTheJobSays) {
  TrainJob j = plain("named");
  j.max_steps = 1;
  j.lora.base_model_name = "owner/name";
  run_training(j, events_, nullptr);
  const auto base = [&](const std::string& out) {
    return json::parse(read_text(root_ / out / "adapter_config.json"))["base_model_name_or_path"];
  };
  EXPECT_EQ(base("named"), "owner/name");
  TrainJob next = plain("next");
  next.max_steps = 1;
  next.model.adapters = {at("named")};
  run_training(next, events_, nullptr);
  EXPECT_EQ(base("next"), "owner/name");  // a continued adapter keeps its own
}

}  // namespace fettle
