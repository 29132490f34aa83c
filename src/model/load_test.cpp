#include "model/loader.h"
#include "model/model_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

std::shared_ptr<const Model> load(const fs::path& path) {
  Listener silent;
  return Model::load(path, silent);
}

std::string error_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    return e.message();
  }
  return "no error";
}

void expect_error(const fs::path& path, std::initializer_list<std::string_view> parts) {
  const std::string message = error_of([&] { load(path); });
  for (std::string_view part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << part << " in: " << message;
}

/// Row r of a matrix in f32.
std::vector<float> decoded_row(const WeightView& w, int64_t r) {
  std::vector<float> out(size_t(w.cols));
  storage(w.type).decode_f32(w.row(r), w.cols, out.data());
  return out;
}

std::vector<float> formula_row(const std::string& name, int64_t rows, int64_t cols, int64_t r) {
  const auto all = formula_tensor(name, size_t(rows * cols));
  return {all.begin() + r * cols, all.begin() + (r + 1) * cols};
}

TEST(Load, HfFolder) {
  TestFolder folder("hf");
  const TinyModel tiny;
  const auto model = load_hf(folder, tiny);
  const HyperParams& hp = model->hp();
  EXPECT_EQ(model->family().name, "llama");
  EXPECT_FALSE(model->is_gguf());
  EXPECT_EQ(hp.vocab_size, 96);
  EXPECT_EQ(hp.layers, 2);
  EXPECT_EQ(hp.q_dim(), 64);
  EXPECT_EQ(hp.kv_dim(), 32);
  EXPECT_EQ(hp.ffn, 96);
  EXPECT_EQ(hp.context_length, 512);
  EXPECT_FLOAT_EQ(hp.norm_eps, 1e-5f);
  EXPECT_FALSE(model->quantised());
  const std::string name = "model.layers.1.self_attn.k_proj.weight";
  EXPECT_EQ(decoded_row(model->matrix(Role::attn_k, 1), 5), formula_row(name, 32, 64, 5));
  const Buf norm = model->vector(Role::mlp_norm, 1);
  const auto expected = formula_tensor("model.layers.1.post_attention_layernorm.weight", 64);
  EXPECT_EQ(std::vector<float>(norm.row<float>(0), norm.row<float>(0) + norm.cols), expected);
  EXPECT_EQ(model->parameters(), 2 * 96 * 64 + 64 + 2 * (2 * 64 + 64 * 64 * 2 + 32 * 64 * 2 + 3 * 96 * 64));
  EXPECT_EQ(model->module_path(*tensor_row(model->family(), Role::mlp_down), 1),
            "model.layers.1.mlp.down_proj");
}

TEST(Load, GgufUndoesTheInterleavingOfQAndK) {
  TestFolder folder("gguf");
  TinyModel tiny;
  write_gguf_model(folder / "tiny.gguf", tiny);
  const auto model = load(folder / "tiny.gguf");
  for (int64_t r : {0, 1, 7, 8, 9, 17, 31}) {
    EXPECT_EQ(decoded_row(model->matrix(Role::attn_q, 0), r),
              formula_row("model.layers.0.self_attn.q_proj.weight", 64, 64, r));
    EXPECT_EQ(decoded_row(model->matrix(Role::attn_k, 1), r),
              formula_row("model.layers.1.self_attn.k_proj.weight", 32, 64, r));
    EXPECT_EQ(decoded_row(model->matrix(Role::attn_v, 1), r),
              formula_row("model.layers.1.self_attn.v_proj.weight", 32, 64, r));
  }
  EXPECT_EQ(load(folder)->path(), fs::path(folder));  // the folder's only GGUF
}

TEST(Load, MapsMatricesAndOwnsOnlyVectors) {
  TestFolder folder("mapped");
  TinyModel tiny;
  tiny.type = DType::q8_0;
  write_gguf_model(folder / "tiny.gguf", tiny);
  const auto model = load(folder);
  int64_t vectors = 0;
  for (const TensorEntry& t : model->gguf()->tensors())
    if (t.shape.size() == 1) vectors += t.elements() * 4;
  EXPECT_EQ(model->owned_bytes(), vectors);
  EXPECT_EQ(model->matrix(Role::mlp_up, 1).data, model->gguf()->find("blk.1.ffn_up.weight")->data.data());
  EXPECT_EQ(model->weight_bytes(), total_bytes(*model->gguf()));
  EXPECT_EQ(model->main_type(), DType::q8_0);
  EXPECT_TRUE(model->quantised());
}

TEST(Load, TiedHeadIsTheEmbedding) {
  TestFolder hf("tied_hf"), gguf("tied_gguf");
  TinyModel tiny;
  tiny.config["tie_word_embeddings"] = true;
  const auto a = load_hf(hf, tiny);
  EXPECT_EQ(a->matrix(Role::head).data, a->matrix(Role::token_embd).data);
  write_gguf_model(gguf / "t.gguf", tiny);
  const auto b = load(gguf);
  EXPECT_EQ(b->matrix(Role::head).data, b->matrix(Role::token_embd).data);
  EXPECT_EQ(a->parameters(), b->parameters());
  // A file may carry the embedding a second time: the tied one counts.
  write_hf(hf, tiny, [](auto& tensors) {
    tensors.push_back(to_write("lm_head.weight", DType::f32, {96, 64}, std::vector<std::byte>(96 * 64 * 4)));
  });
  const auto c = load(hf);
  EXPECT_EQ(c->matrix(Role::head).data, c->matrix(Role::token_embd).data);
  EXPECT_EQ(c->parameters(), a->parameters());
}

TEST(Load, StripsKnownPrefixes) {
  for (const std::string prefix : {"base_model.model.", "language_model."}) {
    TestFolder folder("prefix");
    TinyModel tiny;
    tiny.prefix = prefix;
    EXPECT_EQ(decoded_row(load_hf(folder, tiny)->matrix(Role::head), 3),
              formula_row("lm_head.weight", 96, 64, 3));
  }
  // Saved from the inner model: no "model." before anything.
  TestFolder folder("bare");
  write_hf(folder, {}, [](auto& tensors) {
    for (TensorToWrite& t : tensors)
      if (t.name.starts_with("model.")) t.name.erase(0, 6);
  });
  EXPECT_EQ(decoded_row(load(folder)->matrix(Role::token_embd), 9),
            formula_row("model.embed_tokens.weight", 96, 64, 9));
}

TEST(Load, SkipsWhatNobodyNeedsAndRefusesTheRest) {
  TestFolder folder("extra");
  const auto extra = [](const std::string& name) {
    return [name](auto& tensors) {
      tensors.push_back(to_write(name, DType::f32, {8}, std::vector<std::byte>(32)));
    };
  };
  write_hf(folder, {}, extra("model.layers.0.self_attn.rotary_emb.inv_freq"));
  EXPECT_NO_THROW(load(folder));
  write_hf(folder, {}, extra("model.layers.0.self_attn.q_proj.bias"));
  expect_error(folder,
               {"model.layers.0.self_attn.q_proj.bias", "no part of a llama model", "model.safetensors"});
}

TEST(Load, ErrorsNameTheTensor) {
  TestFolder folder("broken");
  const auto find = [](std::vector<TensorToWrite>& tensors, std::string_view name) {
    return std::ranges::find_if(tensors, [&](const TensorToWrite& t) { return t.name == name; });
  };
  write_hf(folder, {}, [&](auto& t) { t.erase(find(t, "model.layers.1.mlp.up_proj.weight")); });
  expect_error(folder, {"model.layers.1.mlp.up_proj.weight is missing"});
  write_hf(folder, {}, [&](auto& t) { t.erase(find(t, "lm_head.weight")); });
  expect_error(folder, {"lm_head.weight is missing", "tie_word_embeddings"});
  write_hf(folder, {}, [&](auto& t) {
    find(t, "model.layers.0.self_attn.o_proj.weight")->shape = {32, 128};
  });
  expect_error(folder, {"model.layers.0.self_attn.o_proj.weight has shape [32, 128], expected [64, 64]"});
  write_hf(folder, {}, [&](auto& t) {
    *find(t, "model.norm.weight") =
        to_write("model.norm.weight", DType::i32, {64}, std::vector<std::byte>(256));
  });
  expect_error(folder, {"model.norm.weight is stored as", "I32"});
  write_gguf_model(folder / "x.gguf", {}, [&](auto& t) { t.erase(find(t, "blk.0.ffn_norm.weight")); });
  expect_error(folder / "x.gguf", {"blk.0.ffn_norm.weight is missing", "x.gguf"});
}

TEST(Load, ConfigurationErrorsNameTheKey) {
  TestFolder folder("config");
  const auto with = [&](const char* key, const nlohmann::json& value) {
    TinyModel tiny;
    write_hf(folder, tiny);
    if (value.is_discarded())
      tiny.config.erase(key);
    else
      tiny.config[key] = value;
    write_atomic(folder / "config.json", tiny.config.dump());
  };
  const nlohmann::json absent(nlohmann::json::value_t::discarded);
  with("architectures", {"GPT2LMHeadModel"});
  expect_error(folder, {"GPT2LMHeadModel", "config.json", "LlamaForCausalLM", "MistralForCausalLM"});
  with("architectures", absent);
  expect_error(folder, {"architectures", "config.json"});
  with("hidden_size", absent);
  expect_error(folder, {"hidden_size is missing", "config.json"});
  with("hidden_size", "wide");
  expect_error(folder, {"hidden_size is \"wide\"", "an integer"});
  with("hidden_size", -5);
  expect_error(folder, {"the hidden size is -5"});
  with("attention_bias", true);
  expect_error(folder, {"attention_bias", "not supported"});
  with("mlp_bias", true);
  expect_error(folder, {"mlp_bias", "not supported"});
  with("num_key_value_heads", 3);
  expect_error(folder, {"4 heads", "3 K/V heads"});
  with("hidden_act", "relu");
  expect_error(folder, {"hidden_act 'relu'", "silu"});
  with("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}});
  expect_error(folder, {"'yarn'", "rope_scaling", "llama3"});
  with("rope_scaling", {{"rope_type", "linear"}});
  expect_error(folder, {"factor is missing", "rope_scaling"});
  with("quantization_config", {{"quant_method", "gptq"}});
  expect_error(folder, {"quantization_config"});
  with("vocab_size", 97);
  expect_error(folder, {"model.embed_tokens.weight has shape [96, 64], expected [97, 64]"});
}

TEST(Load, RopeScalingAndWindow) {
  TestFolder folder("rope");
  TinyModel tiny;
  tiny.config["rope_scaling"] = {{"rope_type", "llama3"},
                                 {"factor", 8.0},
                                 {"low_freq_factor", 1.0},
                                 {"high_freq_factor", 4.0},
                                 {"original_max_position_embeddings", 64}};
  RopeParams rope = load_hf(folder, tiny)->hp().rope;
  EXPECT_EQ(rope.kind, RopeKind::llama3);
  EXPECT_EQ(rope.original_context, 64);
  tiny.config.erase("rope_scaling");
  tiny.config["rope_parameters"] = {{"rope_type", "linear"}, {"factor", 2.0}, {"rope_theta", 5e5}};
  rope = load_hf(folder, tiny)->hp().rope;
  EXPECT_EQ(rope.kind, RopeKind::linear);
  EXPECT_EQ(rope.factor, 2);
  EXPECT_EQ(rope.theta, 5e5);
  EXPECT_EQ(load(folder)->hp().sliding_window, 0);
  // Mistral: 4096 where the key is absent, none where it is null.
  tiny.config["architectures"] = {"MistralForCausalLM"};
  EXPECT_EQ(load_hf(folder, tiny)->hp().sliding_window, 4096);
  tiny.config["sliding_window"] = nullptr;
  EXPECT_EQ(load_hf(folder, tiny)->hp().sliding_window, 0);
  tiny.config["sliding_window"] = 16;
  EXPECT_EQ(load_hf(folder, tiny)->hp().sliding_window, 16);
}

TEST(Load, GgufErrorsAndRope) {
  TestFolder folder("gguf_meta");
  const fs::path file = folder / "m.gguf";
  const auto with = [&](const std::function<void(GgufMetadata&)>& more) {
    write_gguf_model(file, {}, {}, more);
  };
  with([](GgufMetadata& m) { m.set_text("general.architecture", "mamba"); });
  expect_error(file, {"general.architecture 'mamba'", "known: llama", "m.gguf"});
  with([](GgufMetadata& m) { m.erase("llama.block_count"); });
  expect_error(file, {"llama.block_count", "m.gguf"});
  with([](GgufMetadata& m) { m.set_u32("llama.rope.dimension_count", 8); });
  expect_error(file, {"llama.rope.dimension_count is 8"});
  with([](GgufMetadata& m) { m.set_text("llama.rope.scaling.type", "yarn"); });
  expect_error(file, {"llama.rope.scaling.type 'yarn'"});
  with([](GgufMetadata& m) { m.set_u32("llama.expert_count", 8); });
  expect_error(file, {"llama.expert_count is 8"});
  with([](GgufMetadata& m) {
    m.set_text("llama.rope.scaling.type", "linear");
    m.set_f32("llama.rope.scaling.factor", 4);
    m.set_text("tokenizer.chat_template", "{{ messages }}");
  });
  EXPECT_EQ(load(file)->hp().rope.factor, 4);
  EXPECT_EQ(load(file)->chat_template(), "{{ messages }}");
  const std::vector<float> divisors = {1, 1, 2, 4, 8, 8, 8, 8};
  write_gguf_model(file, {}, [&](auto& t) {
    t.push_back(to_write("rope_freqs.weight", DType::f32, {8}, encoded(divisors, DType::f32, 8)));
  });
  EXPECT_EQ(load(file)->hp().rope.freq_divisors, divisors);
}

TEST(Load, FindsTheModelOrSaysWhatIsMissing) {
  TestFolder folder("find");
  expect_error(folder / "nowhere", {"no such file", "nowhere"});
  expect_error(folder, {"neither model.safetensors nor a GGUF"});
  write_atomic(folder / "pytorch_model.bin", "x");
  expect_error(folder, {"pytorch_model.bin", "safetensors"});
  write_gguf_model(folder / "a.gguf", {});
  write_gguf_model(folder / "b.gguf", {});
  expect_error(folder, {"2 GGUF files", "a.gguf"});
  write_hf(folder, {});
  expect_error(folder / "model.safetensors", {"safetensors file alone"});
  EXPECT_FALSE(load(folder)->is_gguf());
}

TEST(Load, ChatTemplateOfAFolder) {
  TestFolder folder("chat");
  write_hf(folder, {});
  EXPECT_EQ(load(folder)->chat_template(), "");
  write_atomic(folder / "tokenizer_config.json", R"({"chat_template": "from config"})");
  EXPECT_EQ(load(folder)->chat_template(), "from config");
  write_atomic(
      folder / "tokenizer_config.json",
      R"({"chat_template": [{"name": "rag", "template": "no"}, {"name": "default", "template": "yes"}]})");
  EXPECT_EQ(load(folder)->chat_template(), "yes");
  write_atomic(folder / "chat_template.jinja", "from file");
  EXPECT_EQ(load(folder)->chat_template(), "from file");
}

TEST(Glob, StarStandsForAnyText) {
  EXPECT_TRUE(glob_match("*.inv_freq", "a.b.inv_freq"));
  EXPECT_FALSE(glob_match("*.inv_freq", "a.inv_freq.b"));
  EXPECT_TRUE(glob_match("a*c*", "abcd"));
  EXPECT_FALSE(glob_match("a*c", "abcd"));
  EXPECT_TRUE(glob_match("abc", "abc"));
}

}  // namespace
}  // namespace fettle
