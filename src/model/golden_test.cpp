// Against transformers and PEFT: tests/golden/make_llama_golden.py wrote what they say of a tiny Llama.
#include "model/model_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room
using nlohmann::json;

const fs::path kGolden = fs::path(FETTLE_SOURCE_DIR) / "tests/golden";

const json& golden() {
  static const json file = json::parse(read_text(kGolden / "llama_tiny.json"));
  return file;
}

std::vector<double> flat(const json& nested) {
  std::vector<double> out;
  for (const json& x : nested)
    if (x.is_array())
      for (double y : flat(x)) out.push_back(y);
    else
      out.push_back(x.get<double>());
  return out;
}

std::vector<TestSequence> sequences() {
  std::vector<TestSequence> out;
  for (const json& s : golden().at("sequences")) out.push_back({s.at("ids"), s.at("labels")});
  return out;
}

double largest_difference(const std::vector<float>& a, const std::vector<double>& b) {
  EXPECT_EQ(a.size(), b.size());
  double worst = 0, largest = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    worst = std::max(worst, std::abs(double(a[i]) - b[i]));
    largest = std::max(largest, std::abs(b[i]));
  }
  return worst / largest;
}

class Golden : public ::testing::TestWithParam<std::string> {
 protected:
  std::shared_ptr<const Model> load() const {
    TinyModel tiny;
    for (const auto& part : {golden().at("config"), variant().at("config")}) tiny.config.update(part);
    return load_hf(folder_, tiny);
  }
  const json& variant() const { return golden().at("variants").at(GetParam()); }
  std::unique_ptr<LoraAdapter> adapter(const Model& model) const {
    const json& lora = golden().at("lora");
    auto a = LoraAdapter::create(
        model, {.rank = lora.at("r"), .alpha = lora.at("lora_alpha"), .targets = lora.at("target_modules")},
        1);
    fill_by_formula(*a);
    a->make_trainable();
    return a;
  }
  TestFolder folder_{"golden"};
  std::unique_ptr<Ops> ops_ = test_ops(2);
};

TEST_P(Golden, LogitsOfPackedSequences) {
  const auto model = load();
  const auto a = adapter(*model);
  const TestBatch batch(sequences(), {0, 0, 0});
  const std::vector<float> logits = logits_of(model, {a.get()}, *ops_, batch.view());
  EXPECT_LT(largest_difference(logits, flat(variant().at("logits_f64"))), 1e-5);
}

TEST_P(Golden, LossAndGradients) {
  const auto model = load();
  const auto a = adapter(*model);
  const TestBatch batch(sequences(), {0, 0, 0});
  MeanLoss objective(double(batch.targets().rows.size()));
  std::vector<float> logprob(batch.targets().rows.size());
  const double loss = training_network(model, {a.get()}, *ops_, batch)
                          ->train(batch.view(), batch.targets(), objective, logprob);
  const double expected = variant().at("loss_f64");
  EXPECT_NEAR(loss, expected, 1e-5 * expected);
  const json& grads = variant().at("grads_f64");
  ASSERT_EQ(grads.size(), 2 * a->entries().size());
  for (const LoraEntry& e : a->entries()) {
    const auto check = [&](const std::string& name, int64_t at, int64_t count) {
      const std::vector<double> golden = flat(grads.at(name));
      ASSERT_EQ(int64_t(golden.size()), count) << name;
      EXPECT_LT(relative_error(a->grads().subspan(size_t(at), size_t(count)), golden), 2e-5) << name;
    };
    check("base_model.model." + e.module + ".lora_A.weight", e.a_at, e.rank * e.in);
    check("base_model.model." + e.module + ".lora_B.weight", e.b_at, e.out * e.rank);
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Golden, ::testing::Values("untied", "tied", "llama3_rope"),
                         [](const auto& p) { return p.param; });

TEST(GoldenPeft, AnAdapterThatPeftWroteGivesItsLogits) {
  TestFolder folder("golden_peft"), saved("golden_peft_saved");
  TinyModel tiny;
  tiny.config.update(golden().at("config"));
  const auto model = load_hf(folder, tiny);
  const json file = json::parse(read_text(kGolden / "peft_adapter/logits.json"));
  const auto a = LoraAdapter::load(kGolden / "peft_adapter", *model);
  EXPECT_EQ(a->entries().size(), 6u);
  EXPECT_FLOAT_EQ(a->entries()[0].scale, 4);
  const TestSequence s{file.at("ids"), file.at("ids")};
  const TestBatch batch({&s, 1}, {0});
  const auto ops = test_ops(2);
  EXPECT_LT(largest_difference(logits_of(model, {a.get()}, *ops, batch.view()), flat(file.at("logits_f64"))),
            1e-5);
  // Saved and loaded again it is the same to the bit, under the same names.
  a->save(saved);
  const auto again = LoraAdapter::load(saved, *model);
  EXPECT_TRUE(std::ranges::equal(again->params(), a->params()));
  const auto theirs = SafetensorsFile::open(kGolden / "peft_adapter/adapter_model.safetensors");
  const auto ours = SafetensorsFile::open(saved / "adapter_model.safetensors");
  ASSERT_EQ(ours->tensors().size(), theirs->tensors().size());
  for (const TensorEntry& t : theirs->tensors()) {
    const TensorEntry* u = ours->find(t.name);
    ASSERT_NE(u, nullptr) << t.name;
    EXPECT_EQ(u->shape, t.shape);
    EXPECT_TRUE(std::ranges::equal(u->data, t.data)) << t.name;
  }
}

}  // namespace
}  // namespace fettle
