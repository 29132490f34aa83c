#include "model/network.h"

#include <bit>

#include "model/model_testing.h"
#include "model/ref_logits_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

const std::vector<TestSequence>& ragged() {
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

size_t targets_of(std::span<const TestSequence> sequences) {
  return TestBatch(sequences).targets().rows.size();
}

struct Step {
  double loss;
  std::vector<float> logprob, grads;
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

TEST_P(NetworkTest, LogitsAreTheReferences) {
  const auto a = adapter();
  for (const TestSequence& s : {ragged()[1], ragged()[3]}) {
    const TestBatch batch({&s, 1}, {0});
    EXPECT_LT(relative_error(logits_of(model_, {a.get()}, *ops_, batch.view()),
                             reference_logits(*model_, a.get(), s.ids).data),
              2e-6);
    const TestBatch base({&s, 1});
    EXPECT_LT(relative_error(logits_of(model_, {a.get()}, *ops_, base.view()),
                             reference_logits(*model_, nullptr, s.ids).data),
              2e-6);
  }
}

TEST(Network, SlidingWindowReachesTheAttention) {
  TestFolder folder("window"), plain("no_window");
  TinyModel tiny;
  tiny.config["architectures"] = {"MistralForCausalLM"};
  tiny.config["sliding_window"] = 5;
  const auto windowed = load_hf(folder, tiny);
  const auto ops = test_ops();
  const TestSequence& s = ragged()[3];
  const TestBatch batch({&s, 1});
  const auto logits = logits_of(windowed, {}, *ops, batch.view());
  EXPECT_LT(relative_error(logits, reference_logits(*windowed, nullptr, s.ids).data), 2e-6);
  EXPECT_GT(relative_error(logits, logits_of(load_hf(plain, {}), {}, *ops, batch.view())), 1e-2);
}

// In f32 it is exact, in bf16 rounded as transformers rounds it.
TEST(Network, EmbeddingScaleIsANumberOfTheComputeType) {
  TestFolder folder("scale");
  TinyModel tiny("gemma3");
  tiny.config["hidden_size"] = 48;  // √48 is 6.9282, in bf16 6.9375
  const auto model = load_hf(folder, tiny);
  EXPECT_FLOAT_EQ(model->hp().embed_scale, std::sqrt(48.0f));
  EXPECT_EQ(embed_scale(model->hp(), DType::f32), std::sqrt(48.0f));
  EXPECT_EQ(embed_scale(model->hp(), DType::bf16), 6.9375f);
}

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
  EXPECT_EQ(bytes("layers.0.self_attn.q_proj"), 2 * bytes("layers.1.self_attn.q_proj"));
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

TEST_P(NetworkTest, PrefillIsTokenByTokenToTheBit) {
  const auto a = adapter();
  const auto two = test_ops(2);
  for (Ops* ops : {ops_.get(), two.get()})
    for (const DType compute : {DType::f32, DType::bf16}) {
      const std::vector<int32_t>& ids = ragged()[5].ids;
      Inference whole(model_, {a.get()}, *ops, 64, 1, compute),
          steps(model_, {a.get()}, *ops, 64, 1, compute);
      const TestBatch batch({&ragged()[5], 1}, {0});
      const std::vector<float> at_once = whole.run(batch.view());
      std::vector<float> one_by_one;
      for (size_t i = 0; i < ids.size(); ++i) {
        const int32_t position = int32_t(i), cu[] = {0, 1};
        const Segment segment{0, 1, 0};
        const auto logits = steps.run(
            {.ids = {&ids[i], 1}, .positions = {&position, 1}, .cu_seqlens = cu, .segments = {&segment, 1}});
        one_by_one.insert(one_by_one.end(), logits.begin(), logits.end());
      }
      EXPECT_TRUE(std::ranges::equal(at_once, one_by_one)) << relative_error(at_once, one_by_one);
    }
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

TEST_P(NetworkTest, GgufAndHfGiveTheSameLogits) {
  TestFolder folder("same");
  write_gguf_model(folder / "m.gguf", GetParam());
  Listener silent;
  const auto gguf = Model::load(folder / "m.gguf", silent);
  const TestBatch batch(ragged());
  EXPECT_EQ(logits_of(gguf, {}, *ops_, batch.view()), logits_of(model_, {}, *ops_, batch.view()));
}

TEST_P(NetworkTest, QuantisedWeightsAreUsedAsTheyAre) {
  TestFolder folder("quantised");
  Listener silent;
  for (const DType type : {DType::q8_0, DType::q4_1, DType::bf16, DType::f16}) {
    TinyModel tiny(GetParam());
    tiny.type = type;
    write_gguf_model(folder / "m.gguf", tiny);
    const auto quantised = Model::load(folder / "m.gguf", silent);
    const TestSequence& s = ragged()[3];
    const TestBatch batch({&s, 1});
    // The reference decodes the same rows in full; the engine never does.
    EXPECT_LT(relative_error(logits_of(quantised, {}, *ops_, batch.view()),
                             reference_logits(*quantised, nullptr, s.ids).data),
              2e-6)
        << name(type);
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
}  // namespace fettle
