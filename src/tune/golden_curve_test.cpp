// Fifty optimizer steps of the tiny golden models against torch's: loss, gradient norm, learning rate
// (tests/golden/).
#include <gtest/gtest.h>

#include "model/golden_testing.h"
#include "tune/objective/cross_entropy.h"
#include "tune/optim/optimizer.h"
#include "tune/schedule/schedule.h"

namespace fettle {

namespace {
using nlohmann::json;
using namespace testing;

struct Curve {
  std::vector<double> loss, grad_norm, learning_rate;
};

TrainJob golden_job(const json& curve) {
  TrainJob job;
  job.learning_rate = curve.at("learning_rate");
  job.beta1 = curve.at("beta1");
  job.beta2 = curve.at("beta2");
  job.epsilon = curve.at("epsilon");
  job.weight_decay = curve.at("weight_decay");
  job.max_grad_norm = curve.at("max_grad_norm");
  job.warmup_steps = curve.at("warmup_steps");
  return job;
}

std::vector<TestBatch> micro_batches(const json& curve, const json& step) {
  std::vector<TestBatch> batches;
  for (const json& micro : step) {
    std::vector<TestSequence> sequences;
    for (size_t sample : micro) {
      const json& s = curve.at("samples").at(sample);
      sequences.push_back({s.at("ids"), s.at("labels")});
    }
    batches.emplace_back(sequences, std::vector<int32_t>(sequences.size(), 0));
  }
  return batches;
}

Curve run_curve(const GoldenCase& golden) {
  const json& curve = golden.file().at("curve");
  const TestFolder folder("curve_" + golden.family + golden.variant);
  const auto model = load_hf(folder, golden.model());
  const auto ops = test_ops(2);
  const auto adapter = golden.adapter(*model);
  const TrainJob job = golden_job(curve);
  Optimizer optimizer(job, int64_t(adapter->params().size()));
  Network network(model, {adapter.get()}, *ops,
                  {.training = true, .max_tokens = 256, .max_sequences = 8, .max_targets = 256});
  CrossEntropy objective;
  std::vector<float> logprob;
  Curve out;
  const int64_t total = curve.at("steps");
  for (int64_t step = 0; step < total; ++step) {
    const auto batches = micro_batches(curve, curve.at("order").at(size_t(step)));
    int64_t targets = 0;
    for (const TestBatch& b : batches) targets += int64_t(b.targets().rows.size());
    objective.begin_step(targets);
    double loss = 0;
    for (const TestBatch& b : batches) {
      logprob.resize(b.targets().rows.size());
      loss += network.train(b.view(), b.targets(), objective, logprob);
    }
    const double lr =
        job.learning_rate * schedule(ScheduleKind::linear).factor(step, job.warmup_steps, total);
    out.loss.push_back(loss);
    out.learning_rate.push_back(lr);
    out.grad_norm.push_back(optimizer.step(*ops, adapter->params(), adapter->grads(), lr));
  }
  return out;
}

double worst_relative(const std::vector<double>& ours, const json& theirs) {
  double worst = 0;
  EXPECT_EQ(ours.size(), theirs.size());
  for (size_t i = 0; i < ours.size(); ++i) {
    const double want = theirs.at(i);
    worst = std::max(worst, std::abs(ours[i] - want) / std::max(std::abs(want), 1e-12));
  }
  return worst;
}
}  // namespace

class GoldenCurve : public ::testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenCurve, FollowsTorchForFiftySteps) {
  const Curve ours = run_curve(GetParam());
  const json& want = GetParam().numbers().at("curve_f64");
  EXPECT_LE(std::abs(ours.loss[0] - double(want.at("loss").at(0))) / double(want.at("loss").at(0)), 1e-5);
  EXPECT_LE(worst_relative(ours.loss, want.at("loss")), 2e-4);
  EXPECT_LE(worst_relative(ours.grad_norm, want.at("grad_norm")), 2e-3);
  EXPECT_LE(worst_relative(ours.learning_rate, want.at("learning_rate")), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Variants, GoldenCurve, ::testing::ValuesIn(golden_cases()), golden_case_name);

}  // namespace fettle
