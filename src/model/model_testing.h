// For tests: tiny models written as files, from the formula that tests/golden/reference.py documents, and
// batches.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "format/gguf_writer.h"
#include "format/safetensors.h"
#include "kernel/cpu_ops.h"
#include "model/network.h"
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

/// What a tiny model looks like; `values` may be replaced to change a tensor.
struct TinyModel {
  nlohmann::json config = {{"architectures", {"LlamaForCausalLM"}},
                           {"vocab_size", 96},
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
    bool norm = false;
  };

  int64_t number(const char* key) const { return config.at(key).get<int64_t>(); }

  std::vector<Tensor> tensors() const {
    const int64_t h = number("hidden_size"), f = number("intermediate_size"), v = number("vocab_size");
    const int64_t d = number("head_dim"), q = number("num_attention_heads") * d,
                  kv = number("num_key_value_heads") * d;
    std::vector<Tensor> out = {{"model.embed_tokens.weight", "token_embd.weight", {v, h}},
                               {"model.norm.weight", "output_norm.weight", {h}, 0, true}};
    if (!config.at("tie_word_embeddings").get<bool>())
      out.push_back({"lm_head.weight", "output.weight", {v, h}});
    for (int64_t i = 0; i < number("num_hidden_layers"); ++i) {
      const std::string hf = fmt::format("model.layers.{}.", i), gguf = fmt::format("blk.{}.", i);
      out.push_back({hf + "input_layernorm.weight", gguf + "attn_norm.weight", {h}, 0, true});
      out.push_back({hf + "self_attn.q_proj.weight", gguf + "attn_q.weight", {q, h}, d});
      out.push_back({hf + "self_attn.k_proj.weight", gguf + "attn_k.weight", {kv, h}, d});
      out.push_back({hf + "self_attn.v_proj.weight", gguf + "attn_v.weight", {kv, h}});
      out.push_back({hf + "self_attn.o_proj.weight", gguf + "attn_output.weight", {h, q}});
      out.push_back({hf + "post_attention_layernorm.weight", gguf + "ffn_norm.weight", {h}, 0, true});
      out.push_back({hf + "mlp.gate_proj.weight", gguf + "ffn_gate.weight", {f, h}});
      out.push_back({hf + "mlp.up_proj.weight", gguf + "ffn_up.weight", {f, h}});
      out.push_back({hf + "mlp.down_proj.weight", gguf + "ffn_down.weight", {h, f}});
    }
    return out;
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
    size_t count = 1;
    for (int64_t d : t.shape) count *= size_t(d);
    tensors.push_back(to_write(model.prefix + t.hf, model.type, t.shape,
                               encoded(formula_tensor(t.hf, count), model.type, t.shape.back())));
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

inline void write_gguf_model(const fs::path& file, const TinyModel& model, const Spoil& spoil = {},
                             const std::function<void(GgufMetadata&)>& more = {}) {
  GgufMetadata meta;
  meta.set_text("general.architecture", "llama");
  meta.set_u32("llama.block_count", uint32_t(model.number("num_hidden_layers")));
  meta.set_u32("llama.embedding_length", uint32_t(model.number("hidden_size")));
  meta.set_u32("llama.feed_forward_length", uint32_t(model.number("intermediate_size")));
  meta.set_u32("llama.attention.head_count", uint32_t(model.number("num_attention_heads")));
  meta.set_u32("llama.attention.head_count_kv", uint32_t(model.number("num_key_value_heads")));
  meta.set_f32("llama.attention.layer_norm_rms_epsilon", model.config.at("rms_norm_eps").get<float>());
  meta.set_f32("llama.rope.freq_base", model.config.at("rope_theta").get<float>());
  meta.set_u32("llama.rope.dimension_count", uint32_t(model.number("head_dim")));
  meta.set_u32("llama.context_length", uint32_t(model.number("max_position_embeddings")));
  if (more) more(meta);
  std::vector<TensorToWrite> tensors;
  for (const TinyModel::Tensor& t : model.tensors()) {
    size_t count = 1;
    for (int64_t d : t.shape) count *= size_t(d);
    std::vector<float> values = formula_tensor(t.hf, count);
    if (t.interleave > 0) values = interleaved(values, t.interleave, t.shape[1]);
    const DType type = t.norm ? DType::f32 : model.type;
    tensors.push_back(to_write(t.gguf, type, t.shape, encoded(values, type, t.shape.back())));
  }
  if (spoil) spoil(tensors);
  write_gguf(file, meta, tensors);
}

inline std::shared_ptr<const Model> load_hf(const TestFolder& folder, const TinyModel& tiny) {
  write_hf(folder, tiny);
  Listener silent;
  return Model::load(folder, silent);
}

/// Parameters from the formula, by PEFT's names.
inline void fill_by_formula(LoraAdapter& adapter, const std::string& salt = "") {
  for (const LoraEntry& e : adapter.entries()) {
    const auto fill = [&](const char* which, int64_t at, int64_t count) {
      const auto values = formula_tensor(salt + "base_model.model." + e.module + which, size_t(count));
      std::copy(values.begin(), values.end(), adapter.params().begin() + at);
    };
    fill(".lora_A.weight", e.a_at, e.rank * e.in);
    fill(".lora_B.weight", e.b_at, e.out * e.rank);
  }
}

struct TestSequence {
  std::vector<int32_t> ids, labels;  // label i is what position i − 1 predicts; −100: not trained
};

/// A ragged sequence: ids from the formula, the first `prompt` positions not trained.
inline TestSequence test_sequence(const std::string& name, size_t length, size_t prompt) {
  TestSequence s;
  for (int b : formula_bytes(name, length)) s.ids.push_back(b * 96 / 256);
  s.labels = s.ids;
  std::fill_n(s.labels.begin(), prompt, -100);
  return s;
}

/// Sequences packed in one row, with their targets.
class TestBatch {
 public:
  explicit TestBatch(std::span<const TestSequence> sequences, std::vector<int32_t> adapters = {}) {
    for (size_t s = 0; s < sequences.size(); ++s) {
      const int64_t begin = int64_t(ids_.size());
      const auto& [ids, labels] = sequences[s];
      for (size_t i = 0; i < ids.size(); ++i) {
        ids_.push_back(ids[i]);
        positions_.push_back(int32_t(i));
        if (i + 1 < ids.size() && labels[i + 1] != -100) {
          rows_.push_back(int32_t(begin) + int32_t(i));
          tokens_.push_back(labels[i + 1]);
        }
      }
      cu_.push_back(int32_t(ids_.size()));
      cu_targets_.push_back(int32_t(rows_.size()));
      keys_.push_back(1000 + s);
      if (!adapters.empty()) segments_.push_back({begin, int64_t(ids_.size()), adapters[s]});
    }
  }
  BatchView view() const {
    return {.ids = ids_,
            .positions = positions_,
            .cu_seqlens = cu_,
            .segments = segments_,
            .sample_keys = keys_,
            .seed = 5,
            .step = 2};
  }
  Targets targets() const { return {.rows = rows_, .tokens = tokens_, .cu_targets = cu_targets_}; }
  std::vector<uint64_t>& keys() { return keys_; }
  std::span<const int32_t> positions() const { return positions_; }

 private:
  std::vector<int32_t> ids_, positions_, cu_ = {0}, rows_, tokens_, cu_targets_ = {0};
  std::vector<Segment> segments_;
  std::vector<uint64_t> keys_;
};

/// −Σ log p / total, in one pass or two.
class MeanLoss : public Objective {
 public:
  explicit MeanLoss(double total, bool one_pass = true) : total_(total), one_pass_(one_pass) {}
  bool one_pass() const override { return one_pass_; }
  void weigh(const Targets&, std::span<const float>, std::span<float> weight) override {
    std::fill(weight.begin(), weight.end(), float(-1 / total_));
  }
  double loss(const Targets&, std::span<const float> logprob) override {
    double sum = 0;
    for (float lp : logprob) sum -= lp;
    return sum / total_;
  }

 private:
  double total_;
  bool one_pass_;
};

inline std::unique_ptr<Ops> test_ops(int threads = 1) {
  return make_cpu_ops({.isa = choose_isa(), .threads = threads});
}

/// ‖a − b‖ / ‖b‖.
template <class A, class B>
double relative_error(const A& a, const B& b) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    difference += (double(a[i]) - double(b[i])) * (double(a[i]) - double(b[i]));
    norm += double(b[i]) * double(b[i]);
  }
  return std::sqrt(difference / norm);
}

/// A network in inference with a cache of its own: `capacity` positions for each of `sequences`.
class Inference {
 public:
  Inference(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops,
            int64_t capacity, int64_t sequences = 1, DType compute = DType::f32)
      : vocab_(model->hp().vocab_size),
        network_(model, std::move(adapters), ops,
                 {.compute = compute,
                  .max_tokens = capacity * sequences,
                  .max_sequences = sequences,
                  .max_targets = capacity * sequences}) {
    Booking book;
    std::vector<Slot> slots;
    for (int64_t i = 0; i < 2 * model->hp().layers; ++i)
      slots.push_back(book.book("cache", capacity * sequences, model->hp().kv_dim(), compute));
    cache_ = Arena(book.peak_bytes());
    for (int64_t s = 0; s < sequences; ++s) first_rows_.push_back(s * capacity);
    lengths_.resize(size_t(sequences));
    for (size_t i = 0; i < slots.size(); i += 2)
      views_.push_back({.k = cache_.at(slots[i]),
                        .v = cache_.at(slots[i + 1]),
                        .lengths = lengths_,
                        .block_rows = first_rows_});
  }
  /// Runs the batch behind what the cache holds and gives the logits of all its rows.
  std::vector<float> run(const BatchView& batch) {
    for (int64_t s = 0; s < batch.sequences(); ++s)
      lengths_[size_t(s)] += batch.cu_seqlens[size_t(s) + 1] - batch.cu_seqlens[size_t(s)];
    network_.forward(batch, views_);
    std::vector<int32_t> rows(batch.ids.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = int32_t(i);
    std::vector<float> out(rows.size() * size_t(vocab_));
    network_.logits(rows, {out.data(), int64_t(rows.size()), vocab_, vocab_, DType::f32});
    return out;
  }

 private:
  int64_t vocab_;
  Network network_;
  Arena cache_;
  std::vector<int32_t> lengths_;
  std::vector<int64_t> first_rows_;
  std::vector<KvView> views_;
};

/// Logits of every row of a batch, from an empty cache.
inline std::vector<float> logits_of(const std::shared_ptr<const Model>& model,
                                    std::vector<LoraAdapter*> adapters, Ops& ops, const BatchView& batch) {
  return Inference(model, std::move(adapters), ops, batch.tokens(), batch.sequences()).run(batch);
}

/// A training network just large enough for `batch`.
inline std::unique_ptr<Network> training_network(std::shared_ptr<const Model> model,
                                                 std::vector<LoraAdapter*> adapters, Ops& ops,
                                                 const TestBatch& batch,
                                                 Recompute recompute = Recompute::none,
                                                 DType compute = DType::f32) {
  return std::make_unique<Network>(std::move(model), std::move(adapters), ops,
                                   NetworkOptions{.compute = compute,
                                                  .training = true,
                                                  .recompute = recompute,
                                                  .max_tokens = batch.view().tokens(),
                                                  .max_sequences = batch.view().sequences(),
                                                  .max_targets = int64_t(batch.targets().rows.size())});
}

}  // namespace fettle::testing
