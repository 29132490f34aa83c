// What each family reads out of its two kinds of files, and what it refuses.
#include "model/arch/family.h"

#include "format/gguf.h"
#include "model/model_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room
using nlohmann::json;

/// Hyper-parameters of a tiny model's config.json with these keys changed; null takes a key away.
HyperParams read(const char* family, const json& changes) {
  json config = TinyModel(family).config;
  config.merge_patch(changes);
  return family_by_hf(config.at("architectures").at(0).get<std::string>(), "config.json")
      .from_hf(config, "config.json");
}

/// The same from a GGUF without tensors.
HyperParams read_gguf(const char* family, const std::function<void(GgufMetadata&)>& more) {
  TestFolder folder("keys");
  GgufMetadata meta = gguf_metadata(family);
  more(meta);
  write_gguf(folder / "m.gguf", meta, {});
  const auto file = GgufFile::open(folder / "m.gguf");
  return family_by_gguf(file->text("general.architecture"), "m.gguf").from_gguf(*file);
}

void expect_refusal(const std::function<void()>& run, std::initializer_list<std::string_view> parts) {
  std::string message = "no error";
  try {
    run();
  } catch (const Error& e) {
    message = e.message();
  }
  for (std::string_view part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
}

std::vector<float> values_of(Buf b) {
  return {b.row<float>(0), b.row<float>(0) + b.cols};
}

/// The model as both files have it: the same vectors, whatever they were stored as.
void expect_vector(const char* family, Role role, const std::string& name) {
  TestFolder hf("vector_hf"), gguf("vector_gguf");
  write_gguf_model(gguf / "m.gguf", family);
  Listener silent;
  for (const auto& model : {load_hf(hf, family), Model::load(gguf, silent)}) {
    const Buf v = model->vector(role, 1);
    ASSERT_TRUE(v) << name;
    EXPECT_EQ(values_of(v), formula_tensor(name, size_t(v.cols))) << family << " " << name;
  }
}

TEST(Families, AreFoundByEitherName) {
  EXPECT_EQ(&family_by_hf("MistralForCausalLM", "x"), &family_by_gguf("llama", "x"));
  EXPECT_EQ(&family_by_hf("Gemma3ForConditionalGeneration", "x"), &family_by_gguf("gemma3", "x"));
  for (const FamilyRow* family : families())
    for (const TensorRow& row : family->tensors) {
      EXPECT_EQ(tensor_row(*family, row.role), &row) << "two rows of one role in " << family->name;
      EXPECT_NE(row.cols, Dim::none) << row.gguf;
    }
}

TEST(Families, VectorsOfTheirOwn) {
  const std::string layer = "model.layers.1.";
  expect_vector("qwen2", Role::attn_q_bias, layer + "self_attn.q_proj.bias");
  expect_vector("qwen2", Role::attn_k_bias, layer + "self_attn.k_proj.bias");
  expect_vector("qwen2", Role::attn_v_bias, layer + "self_attn.v_proj.bias");
  expect_vector("qwen3", Role::attn_q_norm, layer + "self_attn.q_norm.weight");
  expect_vector("qwen3", Role::attn_k_norm, layer + "self_attn.k_norm.weight");
  expect_vector("gemma3", Role::attn_norm, layer + "input_layernorm.weight");
  expect_vector("gemma3", Role::attn_q_norm, layer + "self_attn.q_norm.weight");
  expect_vector("gemma3", Role::attn_post_norm, layer + "post_attention_layernorm.weight");
  expect_vector("gemma3", Role::mlp_norm, layer + "pre_feedforward_layernorm.weight");
  expect_vector("gemma3", Role::mlp_post_norm, layer + "post_feedforward_layernorm.weight");
}

TEST(Families, QwenDefaultsAreTransformers) {
  const json silent = {{"head_dim", nullptr}, {"num_key_value_heads", nullptr}, {"rms_norm_eps", nullptr}};
  const HyperParams two = read("qwen2", silent), three = read("qwen3", silent);
  EXPECT_EQ(two.kv_heads, 32);
  EXPECT_EQ(two.head_dim, 64 / 4);
  EXPECT_EQ(three.head_dim, 128);
  EXPECT_FLOAT_EQ(three.norm_eps, 1e-6f);
  EXPECT_FALSE(read("qwen2", {{"tie_word_embeddings", nullptr}}).tied_head);
}

// The number alone means nothing: every released Qwen has it, none uses it.
TEST(Families, QwenWindowsNeedTheirSwitch) {
  for (const char* family : {"qwen2", "qwen3"}) {
    EXPECT_EQ(read(family, {{"sliding_window", 8}, {"max_window_layers", 0}}).window(1), 0);
    const json on = {{"use_sliding_window", true}, {"sliding_window", 8}, {"max_window_layers", 1}};
    EXPECT_EQ(read(family, on).window(0), 0);
    EXPECT_EQ(read(family, on).window(1), 8);
    json types = on;
    types["layer_types"] = {"sliding_attention", "full_attention"};
    EXPECT_EQ(read(family, types).window(0), 8);
    EXPECT_EQ(read(family, types).window(1), 0);
    types["layer_types"] = {"full_attention"};
    expect_refusal([&] { read(family, types); }, {"layer_types", "2 texts"});
    types["layer_types"] = {"full_attention", "linear_attention"};
    expect_refusal([&] { read(family, types); }, {"linear_attention", "sliding_attention"});
  }
  expect_refusal([] { read("qwen3", {{"attention_bias", true}}); }, {"attention_bias", "not supported"});
}

TEST(Families, GemmaFillsInWhatPublishedFilesLeaveOut) {
  const HyperParams hp = read("gemma3", {{"architectures", {"Gemma3ForConditionalGeneration"}},
                                         {"text_config",
                                          {{"hidden_size", 2560},
                                           {"intermediate_size", 10240},
                                           {"num_hidden_layers", 34},
                                           {"sliding_window", 1024},
                                           {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}}}});
  EXPECT_EQ(hp.vocab_size, 262208);
  EXPECT_EQ(hp.heads, 8);
  EXPECT_EQ(hp.kv_heads, 4);
  EXPECT_EQ(hp.head_dim, 256);
  EXPECT_EQ(hp.context_length, 131072);
  EXPECT_TRUE(hp.tied_head);
  EXPECT_EQ(hp.activation, Activation::gelu_tanh);
  EXPECT_FLOAT_EQ(hp.norm_eps, 1e-6f);
  EXPECT_FLOAT_EQ(hp.embed_scale, float(std::sqrt(2560.0)));
  EXPECT_FLOAT_EQ(hp.score_scale(), 1.0f / 16);
  EXPECT_EQ(hp.window(4), 1024);
  EXPECT_EQ(hp.window(5), 0);
  EXPECT_EQ(hp.window(33), 1024);
  EXPECT_EQ(hp.rope.theta, 1e6);
  EXPECT_EQ(hp.rope.factor, 8);
  EXPECT_EQ(hp.local_rope->theta, 1e4);
  EXPECT_EQ(hp.local_rope->kind, RopeKind::plain);
}

TEST(Families, GemmaReadsRotaryParametersByKindOfLayer) {
  const HyperParams hp =
      read("gemma3", {{"rope_scaling", nullptr},
                      {"rope_theta", nullptr},
                      {"layer_types", {"full_attention", "sliding_attention"}},
                      {"rope_parameters",
                       {{"full_attention", {{"rope_type", "linear"}, {"factor", 4.0}, {"rope_theta", 5e5}}},
                        {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 2e4}}}}}});
  EXPECT_EQ(hp.rope.kind, RopeKind::linear);
  EXPECT_EQ(hp.rope.factor, 4);
  EXPECT_EQ(hp.rope.theta, 5e5);
  EXPECT_EQ(hp.local_rope->theta, 2e4);
  EXPECT_FALSE(hp.is_local(0));
  EXPECT_TRUE(hp.is_local(1));
  EXPECT_FLOAT_EQ(read("gemma3", {{"query_pre_attn_scalar", 64}}).score_scale(), 1.0f / 8);
  EXPECT_EQ(read("gemma3", {{"rope_local_base_freq", 3e4}}).local_rope->theta, 3e4);
}

TEST(Families, GemmaRefusesWhatItCannotCompute) {
  for (const char* key : {"final_logit_softcapping", "attn_logit_softcapping"})
    expect_refusal([&] { read("gemma3", {{key, 30.0}}); }, {key, "soft caps"});
  for (const char* key : {"attention_bias", "use_bidirectional_attention"})
    expect_refusal([&] { read("gemma3", {{key, true}}); }, {key, "not supported"});
  expect_refusal([] { read("gemma3", {{"hidden_activation", "relu"}}); }, {"hidden_activation 'relu'"});
  expect_refusal([] { read("gemma3", {{"sliding_window_pattern", 0}}); }, {"sliding_window_pattern is 0"});
  expect_refusal(
      [] { read_gguf("gemma3", [](GgufMetadata& m) { m.set_f32("gemma3.final_logit_softcapping", 30); }); },
      {"final_logit_softcapping", "m.gguf"});
}

TEST(Families, GemmaInGgufKnowsWhatTheFileDoesNotSay) {
  const auto with_layers = [](uint32_t layers) {
    return read_gguf("gemma3", [layers](GgufMetadata& m) {
      m.set_u32("gemma3.block_count", layers);
      m.erase("gemma3.attention.sliding_window_pattern");
    });
  };
  const HyperParams hp = with_layers(18);
  EXPECT_EQ(hp.window(4), 8);
  EXPECT_EQ(hp.window(5), 0);
  EXPECT_EQ(hp.local_rope->theta, 1e4);
  EXPECT_EQ(hp.rope.theta, 1e6);
  EXPECT_EQ(hp.rope.factor, 8);
  EXPECT_FLOAT_EQ(hp.score_scale(), 1.0f / 4);  // head of 16
  EXPECT_EQ(with_layers(62).query_scalar, 64.0 / 4);
}

TEST(Families, GemmasImagePartIsSkippedAndSaid) {
  struct Notes : Listener {
    std::string text;
    void on_note(const Note& note) override { text += note.text; }
  } notes;
  TestFolder folder("vision");
  TinyModel tiny("gemma3");
  tiny.config["architectures"] = {"Gemma3ForConditionalGeneration"};
  tiny.prefix = "language_model.";
  write_hf(folder, tiny, [](auto& tensors) {
    const auto add = [&](const char* name, std::vector<int64_t> shape) {
      tensors.push_back(to_write(name, DType::f32, std::move(shape), std::vector<std::byte>(32)));
    };
    add("vision_tower.layers.0.self_attn.q_proj.weight", {2, 4});
    add("vision_tower.layers.0.self_attn.q_proj.bias", {8});
    add("multi_modal_projector.mm_soft_emb_norm.weight", {8});
  });
  const auto model = Model::load(folder, notes);
  EXPECT_NE(notes.text.find("3 tensors were skipped: they read images"), std::string::npos) << notes.text;

  // Its adapters have the names that PEFT gives this class, and leave the image tower alone.
  const auto adapter = LoraAdapter::create(*model, {.targets = {"q_proj", "down_proj"}}, 1);
  EXPECT_EQ(adapter->entries()[0].module, "model.language_model.layers.0.self_attn.q_proj");
  adapter->save(folder);
  const json config = json::parse(read_text(folder / "adapter_config.json"));
  EXPECT_EQ(config.at("target_modules"), json({"down_proj", "model.language_model.layers.0.self_attn.q_proj",
                                               "model.language_model.layers.1.self_attn.q_proj"}));
  EXPECT_EQ(LoraAdapter::load(folder, *model)->entries().size(), 4u);
}

}  // namespace
}  // namespace fettle
