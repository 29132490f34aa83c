#include "model/network_testing.h"

namespace fettle::testing {
namespace {

TEST_P(NetworkTest, BatchOfEightIsEightBatchesOfOneIsOnePackedRow) {
  const auto a = adapter();
  std::vector<TestBatch> singles, halves;
  for (const TestSequence& s : ragged()) singles.emplace_back(std::span(&s, 1), std::vector<int32_t>{0});
  for (size_t i = 0; i < 8; i += 4)
    halves.emplace_back(std::span(ragged()).subspan(i, 4), std::vector<int32_t>(4, 0));
  const Step packed = run_packed(*a), one_by_one = run(*a, singles), by_four = run(*a, halves);
  EXPECT_NEAR(packed.loss, one_by_one.loss, 1e-6 * packed.loss);
  EXPECT_LT(relative_error(packed.grads, one_by_one.grads), 1e-6);
  EXPECT_LT(relative_error(packed.grads, by_four.grads), 1e-6);
  // Forward, a row's result does not even depend on its neighbours in the last bit.
  EXPECT_EQ(packed.logprob, one_by_one.logprob);
}

TEST_P(NetworkTest, DropoutIsKeyedBySampleNotByPlace) {
  const auto a = adapter({"all"}, 0.3);
  std::vector<TestSequence> order(ragged().begin(), ragged().begin() + 3),
      turned = {order[2], order[0], order[1]};
  TestBatch first(order, {0, 0, 0}), second(turned, {0, 0, 0});
  second.keys() = {first.keys()[2], first.keys()[0], first.keys()[1]};
  const Step x = run(*a, {&first, 1}), y = run(*a, {&second, 1});
  EXPECT_LT(relative_error(x.grads, y.grads), 1e-6);
  const auto dry = adapter();
  const Step z = run(*dry, {&first, 1});
  EXPECT_GT(relative_error(x.grads, z.grads), 0.05) << "dropout dropped nothing";
  // Evaluation drops nothing.
  const auto network = training_network(model_, {a.get()}, *ops_, first);
  MeanLoss objective(double(targets_of(order)));
  std::vector<float> logprob(first.targets().rows.size());
  network->evaluate(first.view(), first.targets(), objective, logprob);
  EXPECT_EQ(logprob, z.logprob);
}

TEST_P(NetworkTest, RecomputeLevelsGiveEqualBits) {
  for (const DType compute : {DType::f32, DType::bf16}) {
    const auto a = adapter({"all"}, 0.1);
    const Step kept = run_packed(*a, Recompute::none, true, nullptr, compute);
    for (const Recompute level : {Recompute::mlp, Recompute::block}) {
      const Step again = run_packed(*a, level, true, nullptr, compute);
      EXPECT_EQ(again.grads, kept.grads);
      EXPECT_EQ(again.logprob, kept.logprob);
    }
  }
}

TEST_P(NetworkTest, RecomputeTakesLessMemory) {
  const auto a = adapter();
  const TestBatch batch(ragged(), std::vector<int32_t>(8, 0));
  int64_t last = INT64_MAX;
  for (const Recompute level : {Recompute::none, Recompute::mlp, Recompute::block}) {
    int64_t step = 0;
    for (const PlanLine& line : training_network(model_, {a.get()}, *ops_, batch, level)->plan())
      step += line.bytes;
    EXPECT_LT(step, last);
    last = step;
  }
}

TEST_P(NetworkTest, ThreadsGiveEqualBits) {
  const auto a = adapter();
  const auto two = test_ops(2);
  for (const DType compute : {DType::f32, DType::bf16}) {
    const Step x = run_packed(*a, Recompute::none, true, nullptr, compute);
    const Step y = run_packed(*a, Recompute::none, true, two.get(), compute);
    EXPECT_EQ(x.grads, y.grads);
    EXPECT_EQ(x.logprob, y.logprob);
  }
}

TEST_P(NetworkTest, OnePassAndTwoAgree) {
  const auto a = adapter();
  const Step one = run_packed(*a, Recompute::none, true), two = run_packed(*a, Recompute::none, false);
  EXPECT_EQ(one.loss, two.loss);
  EXPECT_EQ(one.grads, two.grads);
}

TEST_P(NetworkTest, Bf16StaysNearF32) {
  const auto a = adapter();
  const Step f32 = run_packed(*a), bf16 = run_packed(*a, Recompute::none, true, nullptr, DType::bf16);
  EXPECT_NEAR(bf16.loss, f32.loss, 2e-2 * f32.loss);
  const double error = relative_error(bf16.grads, f32.grads);
  EXPECT_LT(error, 6e-2);
  EXPECT_GT(error, 1e-5) << "bf16 did not run";
}

// The last MLP runs on supervised rows alone; as long as the others weigh nothing that changes nothing, also
// where every row drops elements of its own.
TEST_P(NetworkTest, RowsThatAreNotSupervisedCanBeLeftOutOfTheLastMlp) {
  const auto a = adapter({"all"}, 0.3);
  std::vector<TestSequence> all(ragged().begin(), ragged().end());
  for (TestSequence& s : all) s.labels = s.ids;
  const TestBatch few(ragged(), std::vector<int32_t>(8, 0)), whole(all, std::vector<int32_t>(8, 0));
  ASSERT_LT(few.targets().rows.size(), whole.targets().rows.size());
  std::vector<float> weight(size_t(whole.view().tokens()), 0.0f);
  for (const int32_t row : few.targets().rows) weight[size_t(row)] = -0.01f;
  const auto grads = [&](const TestBatch& batch) {
    std::ranges::fill(a->grads(), 0.0f);
    RowWeights objective(weight);
    std::vector<float> logprob(batch.targets().rows.size());
    training_network(model_, {a.get()}, *ops_, batch)
        ->train(batch.view(), batch.targets(), objective, logprob);
    return std::vector<float>(a->grads().begin(), a->grads().end());
  };
  EXPECT_LT(relative_error(grads(few), grads(whole)), 1e-6);
}

TEST_P(NetworkTest, TheLastMlpTakesMemoryForSupervisedRowsAlone) {
  const auto a = adapter();
  const TestBatch batch(ragged(), std::vector<int32_t>(8, 0));
  int64_t gates = 0;
  for (const PlanLine& line : training_network(model_, {a.get()}, *ops_, batch)->plan())
    if (line.name == "mlp.gate") gates = line.bytes;
  const auto bytes = [&](int64_t rows) { return round_up(rows, 16) * model_->hp().ffn * 4; };
  EXPECT_EQ(gates, bytes(batch.view().tokens()) + bytes(int64_t(batch.targets().rows.size())));
}

// Only what is trained, and what lies above it, runs backward: the same gradients, whichever else is trained.
TEST_P(NetworkTest, PartsOfTheModelGetTheGradientsTheyHaveInTheWhole) {
  for (const char* target : {"layers.1.mlp.down_proj", "layers.1.self_attn.q_proj", "layers.0.mlp.up_proj",
                             "layers.1.self_attn.o_proj"}) {
    const auto part = adapter({target});
    auto whole = adapter();
    for (const LoraEntry& e : whole->entries())  // the others change nothing: B = 0
      if (!part->find(e.role, e.layer)) std::fill_n(whole->params().begin() + e.b_at, e.out * e.rank, 0.0f);
    const Step p = run_packed(*part), w = run_packed(*whole);
    const LoraEntry &in_part = part->entries()[0], *in_whole = whole->find(in_part.role, in_part.layer);
    const auto of = [](const Step& s, const LoraEntry& e) {
      return std::span(s.grads).subspan(size_t(e.a_at), size_t(e.rank * (e.in + e.out)));
    };
    EXPECT_LT(relative_error(of(p, in_part), of(w, *in_whole)), 1e-6) << target;
  }
}

TEST_P(NetworkTest, LowerBlocksSaveNothingWhenTheyAreNotTrained) {
  const TestBatch batch(ragged(), std::vector<int32_t>(8, 0));
  const auto bytes = [&](const char* target) {
    int64_t sum = 0;
    const auto a = adapter({target});
    for (const PlanLine& line : training_network(model_, {a.get()}, *ops_, batch)->plan())
      sum += line.name == "mlp.gate" ? line.bytes : 0;
    return sum;
  };
  const auto of = [&](int64_t rows) { return round_up(rows, 16) * model_->hp().ffn * 4; };
  EXPECT_EQ(bytes("layers.1.self_attn.q_proj"), of(int64_t(batch.targets().rows.size())));
  EXPECT_EQ(bytes("layers.0.self_attn.q_proj"),
            bytes("layers.1.self_attn.q_proj") + of(batch.view().tokens()));
  EXPECT_EQ(bytes("layers.0.mlp.down_proj"), bytes("layers.0.self_attn.q_proj"));
}

TEST_P(NetworkTest, GradientsAddAndZeroTargetsAddNothing) {
  const auto a = adapter();
  const TestSequence& s = ragged()[1];
  const TestBatch batch({&s, 1}, {0});
  const auto network = training_network(model_, {a.get()}, *ops_, batch);
  MeanLoss objective(1);
  std::vector<float> logprob(batch.targets().rows.size());
  network->train(batch.view(), batch.targets(), objective, logprob);
  std::vector<float> twice(a->grads().begin(), a->grads().end());
  for (float& g : twice) g *= 2;
  network->train(batch.view(), batch.targets(), objective, logprob);
  EXPECT_LT(relative_error(a->grads(), twice), 1e-6);
  const std::vector<float> before(a->grads().begin(), a->grads().end());
  TestSequence untrained = s;
  std::ranges::fill(untrained.labels, -100);
  const TestBatch none({&untrained, 1}, {0});
  EXPECT_EQ(network->train(none.view(), none.targets(), objective, {}), 0);
  EXPECT_EQ(std::vector<float>(a->grads().begin(), a->grads().end()), before);
}

TEST_P(NetworkTest, AdaptersBySegmentAreEachAlone) {
  const auto first = adapter(), second = adapter({"q_proj", "down_proj"}, 0, "other.", 6);
  const std::vector<TestSequence> three(ragged().begin(), ragged().begin() + 3);
  const TestBatch mixed(three, {1, -1, 0});
  const std::vector<float> together = logits_of(model_, {first.get(), second.get()}, *ops_, mixed.view());
  size_t at = 0;
  for (size_t s = 0; s < 3; ++s) {
    std::vector<LoraAdapter*> adapters;
    if (s != 1) adapters.push_back(s == 0 ? second.get() : first.get());
    const TestBatch alone({&three[s], 1}, {s == 1 ? -1 : 0});
    const std::vector<float> expected = logits_of(model_, adapters, *ops_, alone.view());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), together.begin() + int64_t(at)))
        << "sequence " << s;
    at += expected.size();
  }
  // And their gradients.
  const Step both = [&] {
    MeanLoss objective(1);
    std::vector<float> logprob(mixed.targets().rows.size());
    std::ranges::fill(first->grads(), 0.0f);
    std::ranges::fill(second->grads(), 0.0f);
    training_network(model_, {first.get(), second.get()}, *ops_, mixed)
        ->train(mixed.view(), mixed.targets(), objective, logprob);
    return Step{0, logprob, {first->grads().begin(), first->grads().end()}};
  }();
  const std::vector<float> of_second(second->grads().begin(), second->grads().end());
  for (size_t s : {size_t(0), size_t(2)}) {
    LoraAdapter& a = s == 0 ? *second : *first;
    std::ranges::fill(a.grads(), 0.0f);
    const TestBatch alone({&three[s], 1}, {0});
    MeanLoss objective(1);
    std::vector<float> logprob(alone.targets().rows.size());
    training_network(model_, {&a}, *ops_, alone)->train(alone.view(), alone.targets(), objective, logprob);
    EXPECT_LT(relative_error(s == 0 ? of_second : both.grads, a.grads()), 1e-6)
        << "adapter of sequence " << s;
  }
}

TEST_P(NetworkTest, KernelScratchIsConstantFromTheSecondStep) {
  const auto a = adapter();
  const TestBatch batch(ragged(), std::vector<int32_t>(8, 0));
  const auto network = training_network(model_, {a.get()}, *ops_, batch);
  MeanLoss objective(1);
  std::vector<float> logprob(batch.targets().rows.size());
  network->train(batch.view(), batch.targets(), objective, logprob);
  const int64_t scratch = ops_->scratch_bytes();
  for (int i = 0; i < 3; ++i) network->train(batch.view(), batch.targets(), objective, logprob);
  EXPECT_EQ(ops_->scratch_bytes(), scratch);
}

TEST_P(NetworkTest, CapacitiesAreChecked) {
  const auto a = adapter();
  const TestBatch small({&ragged()[2], 1}, {0}), large({&ragged()[5], 1}, {0});
  const auto network = training_network(model_, {a.get()}, *ops_, small);
  MeanLoss objective(1);
  std::vector<float> logprob(large.targets().rows.size());
  EXPECT_THROW(network->train(large.view(), large.targets(), objective, logprob), InvariantError);
  const auto frozen = LoraAdapter::create(*model_, {}, 1);
  EXPECT_THROW(training_network(model_, {frozen.get()}, *ops_, large)
                   ->train(large.view(), large.targets(), objective, logprob),
               InvariantError);
  TestSequence strange = ragged()[5];
  strange.ids[3] = 96;
  const TestBatch outside({&strange, 1}, {0});
  EXPECT_THROW(training_network(model_, {a.get()}, *ops_, outside)
                   ->train(outside.view(), outside.targets(), objective, logprob),
               InvariantError);
}

INSTANTIATE_TEST_SUITE_P(Families, NetworkTest, ::testing::Values("llama", "qwen2", "qwen3", "gemma3"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace fettle::testing
