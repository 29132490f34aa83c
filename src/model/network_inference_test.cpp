// The network in inference: logits, the K/V cache, weights as files have them.
#include <bit>

#include "model/block/embed.h"
#include "model/network_testing.h"
#include "model/ref_logits_testing.h"

namespace fettle::testing {
namespace {

class NetworkInferenceTest : public NetworkTest {};

TEST_P(NetworkInferenceTest, LogitsAreTheReferences) {
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

TEST_P(NetworkInferenceTest, PrefillIsTokenByTokenToTheBit) {
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

TEST_P(NetworkInferenceTest, LogitsOfSomeRowsAreThoseOfAll) {
  const auto first = adapter(), second = adapter({"q_proj", "down_proj"}, 0, "other.", 6);
  const std::vector<TestSequence> three(ragged().begin(), ragged().begin() + 3);
  const TestBatch batch(three, {1, -1, 0});
  const size_t vocab = size_t(model_->hp().vocab_size);
  const std::vector<int32_t> rows = {0, 6, 25, 27};  // none of the second sequence's first rows
  const std::vector<float> all = logits_of(model_, {first.get(), second.get()}, *ops_, batch.view());
  Inference inference(model_, {first.get(), second.get()}, *ops_, batch.view().tokens(), 3);
  const std::vector<float> some = inference.run(batch.view(), rows);
  for (size_t i = 0; i < rows.size(); ++i)
    for (size_t c = 0; c < vocab; ++c) EXPECT_EQ(some[i * vocab + c], all[size_t(rows[i]) * vocab + c]);
}

TEST_P(NetworkInferenceTest, GgufAndHfGiveTheSameLogits) {
  TestFolder folder("same");
  write_gguf_model(folder / "m.gguf", GetParam());
  Listener silent;
  const auto gguf = Model::load(folder / "m.gguf", silent);
  const TestBatch batch(ragged());
  EXPECT_EQ(logits_of(gguf, {}, *ops_, batch.view()), logits_of(model_, {}, *ops_, batch.view()));
}

TEST_P(NetworkInferenceTest, QuantisedWeightsAreUsedAsTheyAre) {
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

INSTANTIATE_TEST_SUITE_P(Families, NetworkInferenceTest,
                         ::testing::Values("llama", "qwen2", "qwen3", "gemma3"),
                         [](const auto& p) { return std::string(p.param); });

}  // namespace
}  // namespace fettle::testing
