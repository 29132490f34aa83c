// Against transformers and PEFT: tests/golden/make_model_golden.py wrote what they say of a tiny model of
// each family.
#include "model/golden_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room
using nlohmann::json;

std::vector<double> flat(const json& nested) {
  std::vector<double> out;
  for (const json& x : nested)
    if (x.is_array())
      for (double y : flat(x)) out.push_back(y);
    else
      out.push_back(x.get<double>());
  return out;
}

std::vector<TestSequence> sequences(const json& golden) {
  std::vector<TestSequence> out;
  for (const json& s : golden.at("sequences")) out.push_back({s.at("ids"), s.at("labels")});
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

class Golden : public ::testing::TestWithParam<GoldenCase> {
 protected:
  TestFolder folder_{"golden"};
  std::unique_ptr<Ops> ops_ = test_ops(2);
  std::shared_ptr<const Model> model_ = load_hf(folder_, GetParam().model());
  std::unique_ptr<LoraAdapter> adapter_ = GetParam().adapter(*model_);
};

TEST_P(Golden, LogitsOfPackedSequences) {
  const TestBatch batch(sequences(GetParam().file()), {0, 0, 0});
  const std::vector<float> logits = logits_of(model_, {adapter_.get()}, *ops_, batch.view());
  EXPECT_LT(largest_difference(logits, flat(GetParam().numbers().at("logits_f64"))), 1e-5);
}

TEST_P(Golden, LossAndGradients) {
  const json& numbers = GetParam().numbers();
  const TestBatch batch(sequences(GetParam().file()), {0, 0, 0});
  MeanLoss objective(double(batch.targets().rows.size()));
  std::vector<float> logprob(batch.targets().rows.size());
  const double loss = training_network(model_, {adapter_.get()}, *ops_, batch)
                          ->train(batch.view(), batch.targets(), objective, logprob);
  const double expected = numbers.at("loss_f64");
  EXPECT_NEAR(loss, expected, 1e-5 * expected);
  ASSERT_EQ(numbers.at("grads_f64").size(), 2 * adapter_->entries().size());
  for (const LoraEntry& e : adapter_->entries()) {
    const auto check = [&](const std::string& name, int64_t at, int64_t count) {
      const auto ours = adapter_->grads().subspan(size_t(at), size_t(count));
      for (const auto& [key, tolerance] : {std::pair{"grads_f64", 2e-5}, {"grads_f32", 1e-4}}) {
        const std::vector<double> golden = flat(numbers.at(key).at(name));
        ASSERT_EQ(int64_t(golden.size()), count) << name;
        EXPECT_LT(relative_error(ours, golden), tolerance) << key << " " << name;
      }
    };
    check("base_model.model." + e.module + ".lora_A.weight", e.a_at, e.rank * e.in);
    check("base_model.model." + e.module + ".lora_B.weight", e.b_at, e.out * e.rank);
  }
}

INSTANTIATE_TEST_SUITE_P(Variants, Golden, ::testing::ValuesIn(golden_cases()), golden_case_name);

TEST(GoldenPeft, AnAdapterThatPeftWroteGivesItsLogits) {
  TestFolder folder("golden_peft"), saved("golden_peft_saved");
  TinyModel tiny;
  tiny.config.update(GoldenCase{"llama", "untied"}.file().at("config"));
  const auto model = load_hf(folder, tiny);
  const json file = json::parse(read_text(golden_folder() / "peft_adapter/logits.json"));
  const auto a = LoraAdapter::load(golden_folder() / "peft_adapter", *model);
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
  const auto theirs = SafetensorsFile::open(golden_folder() / "peft_adapter/adapter_model.safetensors");
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
