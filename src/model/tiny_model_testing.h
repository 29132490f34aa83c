// For tests: tiny models of every family written as files, from the formula that tests/golden/reference.py
// documents.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "format/gguf_writer.h"
#include "format/safetensors.h"
#include "quant/storage.h"

namespace fettle::testing {

namespace fs = std::filesystem;

/// FNV-1a of the name seeds splitmix64; its top bytes.
inline std::vector<int> formula_bytes(std::string_view name, size_t count) {
  uint64_t h = 0xCBF29CE484222325u;
  for (unsigned char c : name) h = (h ^ c) * 0x100000001B3u;
  std::vector<int> out(count);
  for (int& b : out) {
    h += 0x9E3779B97F4A7C15u;
    uint64_t s = (h ^ h >> 30) * 0xBF58476D1CE4E5B9u;
    s = (s ^ s >> 27) * 0x94D049BB133111EBu;
    b = int((s ^ s >> 31) >> 56);
  }
  return out;
}

/// Values of the tensor of this Hugging Face or PEFT name.
inline std::vector<float> formula_tensor(std::string_view name, size_t count) {
  const std::vector<int> bytes = formula_bytes(name, count);
  std::vector<float> out(count);
  const float scale = name.ends_with("embed_tokens.weight") ? 0.5f
                      : name.ends_with("lora_B.weight")     ? 0.125f
                                                            : 0.25f;
  for (size_t i = 0; i < count; ++i)
    out[i] = name.ends_with("norm.weight") ? 1 + float(bytes[i] / 8 - 16) / 64
                                           : float(2 * bytes[i] - 255) / 256 * scale;
  return out;
}

/// A folder that goes with the test.
class TestFolder {
 public:
  explicit TestFolder(const std::string& name)
      : path_(fs::path(::testing::TempDir()) / fmt::format("fettle_{}_{}", name, ::getpid())) {
    fs::remove_all(path_);
    fs::create_directories(path_);
  }
  ~TestFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  operator const fs::path&() const { return path_; }  // NOLINT: a folder is passed where a path is asked
  fs::path operator/(const std::string& file) const { return path_ / file; }

 private:
  fs::path path_;
};

/// What sets a family's tiny model apart, said a second time and without the architecture table.
struct TinyFamily {
  std::string name;  // and GGUF's name for it
  nlohmann::json config;
  bool interleaved = false, biases = false, head_norms = false, post_norms = false;
  float norm_less = 0;  // what norm weights lack in a Hugging Face file
};

inline const TinyFamily& tiny_family(const std::string& name) {
  static const std::vector<TinyFamily> families = {
      {.name = "llama", .config = {{"architectures", {"LlamaForCausalLM"}}}, .interleaved = true},
      {.name = "qwen2",
       .config = {{"architectures", {"Qwen2ForCausalLM"}}, {"rms_norm_eps", 1e-6}, {"rope_theta", 1e6}},
       .biases = true},
      {.name = "qwen3",
       .config = {{"architectures", {"Qwen3ForCausalLM"}}, {"head_dim", 24}, {"tie_word_embeddings", true}},
       .head_norms = true},
      {.name = "gemma3",
       .config = {{"architectures", {"Gemma3ForCausalLM"}},
                  {"tie_word_embeddings", true},
                  {"query_pre_attn_scalar", 16},
                  {"sliding_window", 8},
                  {"sliding_window_pattern", 2},
                  {"rope_theta", 1e6},
                  {"rope_local_base_freq", 1e4},
                  {"rope_scaling", {{"rope_type", "linear"}, {"factor", 8.0}}}},
       .head_norms = true,
       .post_norms = true,
       .norm_less = 1},
  };
  const auto it = std::ranges::find(families, name, &TinyFamily::name);
  if (it == families.end()) throw Error({.what = "no tiny model of family " + name});
  return *it;
}

/// What a tiny model looks like.
struct TinyModel {
  TinyModel(const char* name = "llama") : TinyModel(std::string(name)) {}  // NOLINT: {} is a Llama
  explicit TinyModel(const std::string& name) : family(&tiny_family(name)) { config.update(family->config); }

  const TinyFamily* family;
  nlohmann::json config = {{"vocab_size", 96},
                           {"hidden_size", 64},
                           {"intermediate_size", 96},
                           {"num_hidden_layers", 2},
                           {"num_attention_heads", 4},
                           {"num_key_value_heads", 2},
                           {"head_dim", 16},
                           {"rms_norm_eps", 1e-5},
                           {"rope_theta", 10000.0},
                           {"max_position_embeddings", 512},
                           {"tie_word_embeddings", false}};
  DType type = DType::f32;  // of matrices
  std::string prefix;       // before every name in the folder

  struct Tensor {
    std::string hf, gguf;
    std::vector<int64_t> shape;
    int64_t interleave = 0;  // head size where GGUF reorders rows

    bool norm() const { return hf.ends_with("norm.weight"); }
    std::vector<float> values() const {
      size_t count = 1;
      for (int64_t d : shape) count *= size_t(d);
      return formula_tensor(hf, count);
    }
  };

  int64_t number(const char* key) const { return config.at(key).get<int64_t>(); }

  std::vector<Tensor> tensors() const {
    const int64_t h = number("hidden_size"), v = number("vocab_size");
    std::vector<Tensor> out = {{"model.embed_tokens.weight", "token_embd.weight", {v, h}},
                               {"model.norm.weight", "output_norm.weight", {h}}};
    if (!config.at("tie_word_embeddings").get<bool>())
      out.push_back({"lm_head.weight", "output.weight", {v, h}});
    for (int64_t i = 0; i < number("num_hidden_layers"); ++i) add_layer(i, out);
    return out;
  }

  void add_layer(int64_t i, std::vector<Tensor>& out) const {
    const int64_t h = number("hidden_size"), f = number("intermediate_size"), d = number("head_dim"),
                  q = number("num_attention_heads") * d, kv = number("num_key_value_heads") * d,
                  swap = family->interleaved ? d : 0;
    const std::string hf = fmt::format("model.layers.{}.", i), gguf = fmt::format("blk.{}.", i);
    const auto add = [&](const char* in_hf, const char* in_gguf, std::vector<int64_t> shape,
                         int64_t interleave = 0) {
      out.push_back({hf + in_hf, gguf + in_gguf, std::move(shape), interleave});
    };
    add("input_layernorm.weight", "attn_norm.weight", {h});
    add("self_attn.q_proj.weight", "attn_q.weight", {q, h}, swap);
    add("self_attn.k_proj.weight", "attn_k.weight", {kv, h}, swap);
    add("self_attn.v_proj.weight", "attn_v.weight", {kv, h});
    add("self_attn.o_proj.weight", "attn_output.weight", {h, q});
    if (family->biases) {
      add("self_attn.q_proj.bias", "attn_q.bias", {q});
      add("self_attn.k_proj.bias", "attn_k.bias", {kv});
      add("self_attn.v_proj.bias", "attn_v.bias", {kv});
    }
    if (family->head_norms) {
      add("self_attn.q_norm.weight", "attn_q_norm.weight", {d});
      add("self_attn.k_norm.weight", "attn_k_norm.weight", {d});
    }
    const char* before_mlp =
        family->post_norms ? "pre_feedforward_layernorm.weight" : "post_attention_layernorm.weight";
    add(before_mlp, "ffn_norm.weight", {h});
    if (family->post_norms) {
      add("post_attention_layernorm.weight", "post_attention_norm.weight", {h});
      add("post_feedforward_layernorm.weight", "post_ffw_norm.weight", {h});
    }
    add("mlp.gate_proj.weight", "ffn_gate.weight", {f, h});
    add("mlp.up_proj.weight", "ffn_up.weight", {f, h});
    add("mlp.down_proj.weight", "ffn_down.weight", {h, f});
  }
};

inline std::vector<std::byte> encoded(std::span<const float> values, DType type, int64_t row_length) {
  const int64_t rows = int64_t(values.size()) / row_length, bytes = row_bytes(type, row_length);
  std::vector<std::byte> out(size_t(rows * bytes));
  for (int64_t r = 0; r < rows; ++r)
    storage(type).encode(values.data() + r * row_length, row_length, out.data() + r * bytes);
  return out;
}

inline TensorToWrite to_write(std::string name, DType type, std::vector<int64_t> shape,
                              std::vector<std::byte> bytes) {
  auto data = std::make_shared<std::vector<std::byte>>(std::move(bytes));
  return {
      .name = std::move(name), .type = type, .shape = std::move(shape), .produce = [data](const auto& sink) {
        sink(*data);
      }};
}

/// Changes the list of tensors before it is written: drops, renames, reshapes.
using Spoil = std::function<void(std::vector<TensorToWrite>&)>;

inline void write_hf(const fs::path& folder, const TinyModel& model, const Spoil& spoil = {}) {
  write_atomic(folder / "config.json", model.config.dump(2));
  std::vector<TensorToWrite> tensors;
  for (const TinyModel::Tensor& t : model.tensors()) {
    std::vector<float> values = t.values();
    if (t.norm())
      for (float& value : values) value -= model.family->norm_less;
    tensors.push_back(
        to_write(model.prefix + t.hf, model.type, t.shape, encoded(values, model.type, t.shape.back())));
  }
  if (spoil) spoil(tensors);
  write_safetensors(folder / "model.safetensors", std::move(tensors), {{"format", "pt"}});
}

/// Rows of each head with the two rotary halves interleaved, as GGUF has them.
inline std::vector<float> interleaved(const std::vector<float>& values, int64_t head_dim, int64_t cols) {
  std::vector<float> out(values.size());
  for (int64_t r = 0; r < int64_t(values.size()) / cols; ++r) {
    const int64_t head = r / head_dim, in = r % head_dim;
    const int64_t from = head * head_dim + in % 2 * (head_dim / 2) + in / 2;
    std::copy_n(values.begin() + from * cols, cols, out.begin() + r * cols);
  }
  return out;
}

inline GgufMetadata gguf_metadata(const TinyModel& model) {
  GgufMetadata meta;
  const std::string& arch = model.family->name;
  meta.set_text("general.architecture", arch);
  const auto integer = [&](const char* key, const char* in_config) {
    if (model.config.contains(in_config))
      meta.set_u32(fmt::format("{}.{}", arch, key), uint32_t(model.number(in_config)));
  };
  integer("block_count", "num_hidden_layers");
  integer("embedding_length", "hidden_size");
  integer("feed_forward_length", "intermediate_size");
  integer("attention.head_count", "num_attention_heads");
  integer("attention.head_count_kv", "num_key_value_heads");
  integer("attention.key_length", "head_dim");
  integer("attention.sliding_window", "sliding_window");
  integer("attention.sliding_window_pattern", "sliding_window_pattern");
  integer("rope.dimension_count", "head_dim");
  integer("context_length", "max_position_embeddings");
  meta.set_f32(arch + ".attention.layer_norm_rms_epsilon", model.config.at("rms_norm_eps").get<float>());
  meta.set_f32(arch + ".rope.freq_base", model.config.at("rope_theta").get<float>());
  if (const auto it = model.config.find("rope_scaling"); it != model.config.end()) {
    meta.set_text(arch + ".rope.scaling.type", it->at("rope_type").get<std::string>());
    meta.set_f32(arch + ".rope.scaling.factor", it->at("factor").get<float>());
  }
  return meta;
}

inline void write_gguf_model(const fs::path& file, const TinyModel& model, const Spoil& spoil = {},
                             const std::function<void(GgufMetadata&)>& more = {}) {
  GgufMetadata meta = gguf_metadata(model);
  if (more) more(meta);
  std::vector<TensorToWrite> tensors;
  for (const TinyModel::Tensor& t : model.tensors()) {
    std::vector<float> values = t.values();
    if (t.interleave > 0) values = interleaved(values, t.interleave, t.shape[1]);
    const DType type = t.shape.size() == 1 ? DType::f32 : model.type;
    tensors.push_back(to_write(t.gguf, type, t.shape, encoded(values, type, t.shape.back())));
  }
  if (spoil) spoil(tensors);
  write_gguf(file, meta, tensors);
}

}  // namespace fettle::testing
