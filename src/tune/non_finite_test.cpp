#include "tune/non_finite.h"

#include <cmath>
#include <limits>

#include "model/model_testing.h"

namespace fettle {

TEST(NonFinite, NamesTheFirstParameterAndTheFirstGradientOfTheBackward) {
  const testing::TestFolder folder("non_finite");
  const auto model = testing::load_hf(folder, {});
  const auto adapter = LoraAdapter::create(*model, {.rank = 4}, 1);
  adapter->make_trainable();
  EXPECT_EQ(first_non_finite_parameter(*adapter), std::nullopt);
  EXPECT_EQ(first_non_finite_gradient(*adapter), std::nullopt);
  const LoraEntry &k = *adapter->find(Role::attn_k, 0), &up = *adapter->find(Role::mlp_up, 1);
  const float inf = std::numeric_limits<float>::infinity();
  adapter->params()[size_t(up.a_at)] = -inf;
  adapter->params()[size_t(k.b_at + k.out * k.rank - 1)] = std::nanf("");
  EXPECT_EQ(first_non_finite_parameter(*adapter), "parameter model.layers.0.self_attn.k_proj.lora_B");
  adapter->grads()[size_t(k.a_at)] = inf;
  adapter->grads()[size_t(up.a_at + up.rank * up.in - 1)] = inf;
  EXPECT_EQ(first_non_finite_gradient(*adapter), "gradient of model.layers.1.mlp.up_proj.lora_A");
}

}  // namespace fettle
