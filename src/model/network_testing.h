// For tests of the network: ragged sequences, and one step over a tiny model of each family.
#pragma once

#include "model/model_testing.h"

namespace fettle::testing {

inline const std::vector<TestSequence>& ragged() {
  static const std::vector<TestSequence> sequences = [] {
    const size_t lengths[] = {7, 19, 2, 33, 11, 64, 5, 90}, prompts[] = {2, 6, 0, 20, 1, 30, 4, 3};
    std::vector<TestSequence> out;
    for (size_t i = 0; i < 8; ++i)
      out.push_back(test_sequence(fmt::format("ragged.{}", i), lengths[i], prompts[i]));
    out[3].labels[25] = -100;  // a hole inside the answer
    return out;
  }();
  return sequences;
}

inline size_t targets_of(std::span<const TestSequence> sequences) {
  return TestBatch(sequences).targets().rows.size();
}

struct Step {
  double loss;
  std::vector<float> logprob, grads;
};

/// dLoss/dlogprob by row of the batch.
class RowWeights : public Objective {
 public:
  explicit RowWeights(std::span<const float> by_row) : by_row_(by_row) {}
  bool one_pass() const override { return true; }
  void weigh(const Targets& targets, std::span<const float>, std::span<float> weight) override {
    for (size_t i = 0; i < weight.size(); ++i) weight[i] = by_row_[size_t(targets.rows[i])];
  }
  double loss(const Targets&, std::span<const float>) override { return 0; }

 private:
  std::span<const float> by_row_;
};

// Over a tiny model of each family.
class NetworkTest : public ::testing::TestWithParam<const char*> {
 protected:
  TestFolder folder_{"network"};
  std::shared_ptr<const Model> model_ = load_hf(folder_, GetParam());
  std::unique_ptr<Ops> ops_ = test_ops();

  std::unique_ptr<LoraAdapter> adapter(std::vector<std::string> targets = {"all"}, double dropout = 0,
                                       const std::string& salt = "", int64_t rank = 4) const {
    auto a = LoraAdapter::create(
        *model_, {.rank = rank, .alpha = 8, .dropout = dropout, .targets = std::move(targets)}, 1);
    fill_by_formula(*a, salt);
    a->make_trainable();
    return a;
  }
  /// One training step over `batches`, gradients added up.
  Step run(LoraAdapter& a, std::span<const TestBatch> batches, Recompute recompute = Recompute::none,
           bool one_pass = true, Ops* ops = nullptr, DType compute = DType::f32) const {
    std::ranges::fill(a.grads(), 0.0f);
    size_t total = 0;
    for (const TestBatch& b : batches) total += b.targets().rows.size();
    MeanLoss objective(double(total), one_pass);
    Step step{};
    for (const TestBatch& b : batches) {
      const auto network = training_network(model_, {&a}, ops ? *ops : *ops_, b, recompute, compute);
      std::vector<float> logprob(b.targets().rows.size());
      step.loss += network->train(b.view(), b.targets(), objective, logprob);
      step.logprob.insert(step.logprob.end(), logprob.begin(), logprob.end());
    }
    step.grads.assign(a.grads().begin(), a.grads().end());
    return step;
  }
  Step run_packed(LoraAdapter& a, Recompute recompute = Recompute::none, bool one_pass = true,
                  Ops* ops = nullptr, DType compute = DType::f32) const {
    const TestBatch batch(ragged(), std::vector<int32_t>(8, 0));
    return run(a, {&batch, 1}, recompute, one_pass, ops, compute);
  }
};

}  // namespace fettle::testing
