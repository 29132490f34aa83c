// For tests: tiny models loaded, batches of formula tokens, and networks around them.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "kernel/cpu_ops.h"
#include "model/network.h"
#include "model/tiny_model_testing.h"

namespace fettle::testing {

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
    std::vector<int32_t> rows(batch.ids.size());
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = int32_t(i);
    return run(batch, rows);
  }
  /// Of these rows.
  std::vector<float> run(const BatchView& batch, std::span<const int32_t> rows) {
    for (int64_t s = 0; s < batch.sequences(); ++s)
      lengths_[size_t(s)] += batch.cu_seqlens[size_t(s) + 1] - batch.cu_seqlens[size_t(s)];
    network_.forward(batch, rows, views_);
    std::vector<float> out(rows.size() * size_t(vocab_));
    network_.logits({out.data(), int64_t(rows.size()), vocab_, vocab_, DType::f32});
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
