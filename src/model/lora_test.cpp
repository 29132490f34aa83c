#include "model/lora.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "model/model_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

class LoraTest : public ::testing::Test {
 protected:
  TestFolder folder_{"lora"}, adapter_folder_{"lora_out"};
  std::shared_ptr<const Model> model_ = load_hf(folder_, {});

  std::unique_ptr<LoraAdapter> create(std::vector<std::string> targets, int64_t rank = 4) const {
    return LoraAdapter::create(
        *model_, {.rank = rank, .alpha = 8, .targets = std::move(targets), .base_model = "tiny"}, 1);
  }
  nlohmann::json saved_config() const {
    return nlohmann::json::parse(read_text(adapter_folder_ / "adapter_config.json"));
  }
  void change_config(const char* key, const nlohmann::json& value) const {
    nlohmann::json config = saved_config();
    config[key] = value;
    write_atomic(adapter_folder_ / "adapter_config.json", config.dump());
  }
  void expect_load_error(std::initializer_list<std::string_view> parts) const {
    std::string message = "no error";
    try {
      LoraAdapter::load(adapter_folder_, *model_);
    } catch (const Error& e) {
      message = e.message();
    }
    for (std::string_view part : parts)
      EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
  }
  /// Writes the adapter's tensors anew under changed names or types.
  void rewrite(const LoraAdapter& adapter, const std::function<std::string(const std::string&)>& rename,
               DType type = DType::f32) const {
    std::vector<TensorToWrite> tensors;
    for (const LoraEntry& e : adapter.entries()) {
      const auto add = [&](const char* which, int64_t at, int64_t rows, int64_t cols) {
        const auto values = adapter.params().subspan(size_t(at), size_t(rows * cols));
        tensors.push_back(to_write(rename("base_model.model." + e.module + which), type, {rows, cols},
                                   encoded(values, type, cols)));
      };
      add(".lora_A.weight", e.a_at, e.rank, e.in);
      add(".lora_B.weight", e.b_at, e.out, e.rank);
    }
    write_safetensors(adapter_folder_ / "adapter_model.safetensors", std::move(tensors), {});
  }
};

std::vector<float> params_of(const LoraAdapter& a) {
  return {a.params().begin(), a.params().end()};
}

TEST_F(LoraTest, AllMeansEveryLinearOfEveryLayer) {
  const auto adapter = create({"all"});
  ASSERT_EQ(adapter->entries().size(), 14u);
  EXPECT_EQ(adapter->entries()[0].module, "model.layers.0.self_attn.q_proj");
  EXPECT_EQ(adapter->entries()[13].module, "model.layers.1.mlp.down_proj");
  int64_t at = 0;
  for (const LoraEntry& e : adapter->entries()) {
    EXPECT_EQ(e.a_at, at);
    EXPECT_EQ(e.b_at, at + e.rank * e.in);
    at += e.rank * (e.in + e.out);
    EXPECT_FLOAT_EQ(e.scale, 2);
  }
  EXPECT_EQ(int64_t(adapter->params().size()), at);
  const LoraEntry* k = adapter->find(Role::attn_k, 1);
  ASSERT_NE(k, nullptr);
  EXPECT_EQ(k->in, 64);
  EXPECT_EQ(k->out, 32);
}

TEST_F(LoraTest, NamesChooseAndUnknownOnesAreErrors) {
  EXPECT_EQ(create({"v_proj", "q_proj"})->entries().size(), 4u);
  EXPECT_EQ(create({"layers.1.mlp.up_proj"})->entries().size(), 1u);
  EXPECT_EQ(create({"v_proj"})->find(Role::attn_q, 0), nullptr);
  for (const char* wrong : {"proj", "lm_head", "W_pack"}) {
    try {
      create({"q_proj", wrong});
      FAIL() << wrong;
    } catch (const Error& e) {
      EXPECT_NE(e.message().find(wrong), std::string::npos);
      EXPECT_NE(e.message().find("all, q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj"),
                std::string::npos)
          << e.message();
    }
  }
}

TEST_F(LoraTest, StartsAsPeftDoes) {
  const auto adapter = create({"all"}), same = create({"all"});
  EXPECT_EQ(params_of(*adapter), params_of(*same));
  std::set<float> firsts;
  for (const LoraEntry& e : adapter->entries()) {
    const auto a = adapter->params().subspan(size_t(e.a_at), size_t(e.rank * e.in));
    const auto b = adapter->params().subspan(size_t(e.b_at), size_t(e.out * e.rank));
    const float bound = 1 / std::sqrt(float(e.in));
    double squares = 0, sum = 0;
    for (float x : a) {
      sum += double(x);
      EXPECT_LE(std::abs(x), bound);
      squares += double(x) * double(x);
    }
    // Uniform: the variance is bound² / 3.
    EXPECT_NEAR(squares / double(a.size()), double(bound * bound) / 3, 0.15 * double(bound * bound) / 3)
        << e.module;
    EXPECT_NEAR(sum / double(a.size()), 0, 0.15 * double(bound)) << e.module;
    EXPECT_TRUE(std::ranges::all_of(b, [](float x) { return x == 0; }));
    firsts.insert(a[0] / bound);
  }
  EXPECT_EQ(firsts.size(), adapter->entries().size()) << "two linears start alike";
  const auto other = LoraAdapter::create(*model_, {.rank = 4, .alpha = 8}, 2);
  EXPECT_NE(params_of(*adapter), params_of(*other));
}

TEST_F(LoraTest, RsloraScalesByTheRoot) {
  const auto adapter = LoraAdapter::create(*model_, {.rank = 4, .alpha = 8, .rslora = true}, 1);
  EXPECT_FLOAT_EQ(adapter->entries()[0].scale, 4);
}

TEST_F(LoraTest, LowRankHasGradientsOnceTrainable) {
  auto adapter = LoraAdapter::create(*model_, {.rank = 4, .alpha = 8, .dropout = 0.25}, 1);
  const LoraEntry& e = adapter->entries()[3];
  LowRank delta = adapter->low_rank(e);
  EXPECT_EQ(delta.A.p, adapter->params().data() + e.a_at);
  EXPECT_EQ(delta.B.rows, e.out);
  EXPECT_FALSE(delta.dA);
  EXPECT_EQ(delta.dropout, 0);
  adapter->make_trainable();
  delta = adapter->low_rank(e);
  EXPECT_EQ(delta.dB.p, adapter->grads().data() + e.b_at);
  EXPECT_EQ(delta.dropout, 0.25f);
  EXPECT_EQ(delta.stream, 3u);
}

TEST_F(LoraTest, SavedAdapterReloadsBitEqual) {
  auto adapter = create({"all"});
  fill_by_formula(*adapter);
  adapter->save(adapter_folder_);
  const auto loaded = LoraAdapter::load(adapter_folder_, *model_);
  EXPECT_EQ(params_of(*loaded), params_of(*adapter));
  ASSERT_EQ(loaded->entries().size(), adapter->entries().size());
  for (size_t i = 0; i < loaded->entries().size(); ++i) {
    EXPECT_EQ(loaded->entries()[i].module, adapter->entries()[i].module);
    EXPECT_EQ(loaded->entries()[i].scale, adapter->entries()[i].scale);
  }
  EXPECT_EQ(loaded->config().base_model, "tiny");
}

TEST_F(LoraTest, ConfigHasEveryKeyOfPeft) {
  create({"all"})->save(adapter_folder_);
  const nlohmann::json config = saved_config();
  // The folder PEFT itself wrote is the list; what only newer releases write is left out of ours.
  const auto theirs = nlohmann::json::parse(
      read_text(fs::path(FETTLE_SOURCE_DIR) / "tests/golden/peft_adapter/adapter_config.json"));
  const std::set<std::string> newer = {"kasa_config", "lora_ga_config", "monteclora_config", "use_bdlora",
                                       "velora_config"};
  for (const auto& [key, value] : theirs.items()) {
    if (newer.contains(key)) continue;
    ASSERT_TRUE(config.contains(key)) << key;
    if (key == "lora_alpha" || key == "r" || key == "target_modules" || key == "base_model_name_or_path" ||
        key == "peft_version")
      continue;
    EXPECT_EQ(config[key], value) << key;
  }
  for (const auto& [key, value] : config.items()) EXPECT_TRUE(theirs.contains(key)) << key;
  EXPECT_EQ(config["r"], 4);
  EXPECT_EQ(config["lora_alpha"].dump(), "8");
  EXPECT_EQ(config["lora_dropout"].dump(), "0.0");
  EXPECT_EQ(config["target_modules"].size(), 7u);
  EXPECT_EQ(read_text(adapter_folder_ / "adapter_config.json").substr(0, 37),
            "{\n  \"alora_invocation_tokens\": null,\n");
}

TEST_F(LoraTest, PartOfTheLayersIsSavedByWholePaths) {
  auto adapter = create({"layers.1.mlp.up_proj", "q_proj"});
  adapter->save(adapter_folder_);
  EXPECT_EQ(saved_config()["target_modules"], nlohmann::json({"model.layers.1.mlp.up_proj", "q_proj"}));
  EXPECT_EQ(LoraAdapter::load(adapter_folder_, *model_)->entries().size(), 3u);
}

TEST_F(LoraTest, ReadsEveryNameAndTypeThatPeftOrTransformersWrite) {
  auto adapter = create({"all"});
  fill_by_formula(*adapter);
  adapter->save(adapter_folder_);
  const auto same = [&] {
    return params_of(*LoraAdapter::load(adapter_folder_, *model_)) == params_of(*adapter);
  };
  rewrite(*adapter, [](const std::string& name) { return name.substr(17); });
  EXPECT_TRUE(same()) << "without base_model.model.";
  rewrite(*adapter, [](std::string name) { return name.insert(name.rfind(".weight"), ".default"); });
  EXPECT_TRUE(same()) << "with the adapter's name";
  for (const DType type : {DType::f16, DType::bf16}) {
    rewrite(
        *adapter, [](const std::string& name) { return name; }, type);
    EXPECT_TRUE(same()) << name(type);  // the formula's values have eight bits
  }
}

TEST_F(LoraTest, PatternsGiveLinearsTheirOwnRankAndAlpha) {
  auto adapter = create({"q_proj", "v_proj"});
  adapter->save(adapter_folder_);
  change_config("r", 2);
  change_config("lora_alpha", 6);
  change_config(
      "rank_pattern",
      {{"v_proj", 4}, {"^model.layers.0.self_attn.q_proj", 4}, {"layers.[1-9].self_attn.q_proj", 4}});
  change_config("alpha_pattern", {{"v_proj", 16}});
  const auto loaded = LoraAdapter::load(adapter_folder_, *model_);
  EXPECT_EQ(loaded->find(Role::attn_v, 1)->rank, 4);
  EXPECT_FLOAT_EQ(loaded->find(Role::attn_v, 1)->scale, 4);
  EXPECT_FLOAT_EQ(loaded->find(Role::attn_q, 0)->scale, 1.5);
  // Saved again, they are patterns again.
  loaded->save(adapter_folder_);
  EXPECT_EQ(saved_config()["rank_pattern"]["model.layers.1.self_attn.q_proj"], 4);
  const auto again = LoraAdapter::load(adapter_folder_, *model_);
  for (size_t i = 0; i < again->entries().size(); ++i)
    EXPECT_EQ(again->entries()[i].scale, loaded->entries()[i].scale);
  change_config("rank_pattern", {{"v_proj(", 4}});
  expect_load_error({"v_proj(", "rank_pattern", "regular expression"});
  change_config("rank_pattern",
                {{"((.+)+)+!", 4}});  // exponential in the length of the name, for whoever backtracks
  expect_load_error({"has shape"});
}

TEST_F(LoraTest, RefusesByNameWhatItDoesNotHave) {
  const auto adapter = create({"all"});
  const std::pair<const char*, nlohmann::json> features[] = {{"use_dora", true},
                                                             {"bias", "lora_only"},
                                                             {"modules_to_save", {"lm_head"}},
                                                             {"fan_in_fan_out", true},
                                                             {"layer_replication", {{0, 2}}},
                                                             {"target_parameters", {"experts"}},
                                                             {"trainable_token_indices", {1}},
                                                             {"lora_bias", true},
                                                             {"use_qalora", true},
                                                             {"init_lora_weights", "pissa"},
                                                             {"peft_type", "LOHA"}};
  for (const auto& [key, value] : features) {
    adapter->save(adapter_folder_);
    change_config(key, value);
    expect_load_error({key, "adapter_config.json"});
  }
}

TEST_F(LoraTest, LoadErrorsNameTheTensor) {
  const auto adapter = create({"all"});
  adapter->save(adapter_folder_);
  rewrite(*adapter, [](std::string name) {
    if (name.ends_with("layers.1.mlp.up_proj.lora_B.weight")) name.insert(name.rfind("up_proj"), "x");
    return name;
  });
  expect_load_error({"model.layers.1.mlp.up_proj", "only one of lora_A and lora_B"});
  rewrite(*adapter, [](std::string name) {
    if (const size_t at = name.find("layers.1.mlp.up_proj"); at != std::string::npos)
      name.replace(at, 8, "layers.7");
    return name;
  });
  expect_load_error({"layers.7.mlp.up_proj", "llama model"});
  adapter->save(adapter_folder_);
  change_config("r", 5);
  expect_load_error({"q_proj.lora_A.weight has shape [4, 64], expected [5, 64]"});
  create({"q_proj"})->save(adapter_folder_);
  change_config("target_modules", {"q_proj", "v_proj"});
  expect_load_error({"target_modules names v_proj"});
  change_config("target_modules", "model\\.layers.*q_proj");
  EXPECT_EQ(LoraAdapter::load(adapter_folder_, *model_)->entries().size(), 2u);
  fs::remove(adapter_folder_ / "adapter_model.safetensors");
  write_atomic(adapter_folder_ / "adapter_model.bin", "x");
  expect_load_error({"adapter_model.bin", "safetensors"});
}

}  // namespace
}  // namespace fettle
