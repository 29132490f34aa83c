#include "model/lora_stack.h"

#include "model/model_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

class LoraStackTest : public ::testing::Test {
 protected:
  TestFolder folder_{"stack"};
  std::shared_ptr<const Model> model_ = load_hf(folder_, {});

  std::unique_ptr<LoraAdapter> filled(std::vector<std::string> targets, int64_t rank, double alpha,
                                      const std::string& name, bool rslora = false) const {
    auto a = LoraAdapter::create(
        *model_, {.rank = rank, .alpha = alpha, .rslora = rslora, .targets = std::move(targets)}, 1);
    const std::vector<float> values = formula_tensor(name, a->params().size());
    std::ranges::copy(values, a->params().begin());
    return a;
  }
};

// scale · Σ over the rank of B[o, r]·A[r, i]
double delta(const LoraAdapter& a, Role role, int64_t layer, int64_t o, int64_t i) {
  const LoraEntry* e = a.find(role, layer);
  if (!e) return 0;
  double sum = 0;
  for (int64_t r = 0; r < e->rank; ++r)
    sum +=
        double(a.params()[size_t(e->b_at + o * e->rank + r)]) * a.params()[size_t(e->a_at + r * e->in + i)];
  return e->scale * sum;
}

TEST_F(LoraStackTest, TheSumsDeltaIsTheSumOfTheDeltas) {
  const auto a = filled({"all"}, 4, 8, "a"), b = filled({"q_proj", "down_proj"}, 2, 6, "b"),
             c = filled({"q_proj"}, 3, 5, "c", true);
  const LoraAdapter* const parts[] = {a.get(), b.get(), c.get()};
  const auto sum = sum_of_adapters(*model_, parts);
  EXPECT_EQ(sum->find(Role::attn_q, 0)->rank, 9);
  EXPECT_EQ(sum->find(Role::mlp_down, 1)->rank, 6);
  EXPECT_EQ(sum->find(Role::attn_k, 1)->rank, 4);
  for (const LoraEntry& e : sum->entries())
    for (const auto& [o, i] : {std::pair<int64_t, int64_t>{0, 0}, {e.out - 1, 1}, {e.out / 2, e.in - 1}}) {
      const double expected = delta(*a, e.role, e.layer, o, i) + delta(*b, e.role, e.layer, o, i) +
                              delta(*c, e.role, e.layer, o, i);
      EXPECT_NEAR(delta(*sum, e.role, e.layer, o, i), expected, 1e-5 * std::abs(expected) + 1e-7) << e.module;
    }
}

TEST_F(LoraStackTest, TrainingSeesAndMovesTheTrainedPartAlone) {
  auto frozen = filled({"all"}, 4, 8, "a");
  const auto trained = filled({"q_proj", "up_proj"}, 2, 6, "b");
  trained->make_trainable();
  const auto alone = filled({"all"}, 4, 8, "a");
  AdapterStack stack(*model_, std::move(frozen), *trained);
  trained->params()[3] = 42;
  stack.publish();
  const LoraAdapter* const parts[] = {alone.get(), trained.get()};
  const auto expected = sum_of_adapters(*model_, parts);
  EXPECT_TRUE(std::ranges::equal(stack.sum().params(), expected->params()));

  // A gradient that says where in the sum it stands.
  const std::span<float> grads = stack.sum().grads();
  for (size_t i = 0; i < grads.size(); ++i) grads[i] = float(i);
  stack.collect();
  const LoraEntry &own = *trained->find(Role::attn_q, 1), &into = *stack.sum().find(Role::attn_q, 1);
  EXPECT_EQ(trained->grads()[size_t(own.a_at)],
            float(into.a_at + 4 * into.in));  // below the four frozen rows
  EXPECT_EQ(trained->grads()[size_t(own.b_at + 1)], float(into.b_at + 5));
  EXPECT_EQ(trained->grads()[size_t(own.b_at + 2)], float(into.b_at + into.rank + 4));  // the next row of B
  EXPECT_TRUE(std::ranges::all_of(grads, [](float g) { return g == 0; }));
}

TEST_F(LoraStackTest, DropoutOverFrozenPartsIsRefused) {
  const auto trained = LoraAdapter::create(*model_, {.rank = 2, .dropout = 0.1}, 1);
  trained->make_trainable();
  EXPECT_THROW(AdapterStack(*model_, filled({"all"}, 4, 8, "a"), *trained), Error);
}

TEST_F(LoraStackTest, TheFingerprintIsTheFrozenParts) {
  const auto trained = filled({"q_proj"}, 2, 4, "t");
  trained->make_trainable();
  const auto print = [&](const std::string& name) {
    return AdapterStack(*model_, filled({"all"}, 4, 8, name), *trained).fingerprint();
  };
  EXPECT_EQ(print("a"), print("a"));
  EXPECT_NE(print("a"), print("b"));
}

}  // namespace
}  // namespace fettle
