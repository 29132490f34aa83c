// One step on given ids, everything it computes written down: what bench/peers/compare_parity.py holds
// against PyTorch.
//   parity_dump MODEL ADAPTER_DIR|- SEQUENCES.json OUT.safetensors [--dtype f32|bf16] [--threads N]
// SEQUENCES.json: [{"ids": […], "labels": […]}], all packed in one row; label i is what position i − 1
// predicts, −100 is not trained. OUT: "logits" [positions, vocab], "loss" [1] (mean over targets), "logprob"
// [targets], and "grad.NAME" of every adapter tensor by PEFT's name. "-": the base alone, without gradients.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"
#include "format/safetensors.h"
#include "kernel/cpu_ops.h"
#include "model/network.h"

namespace {

using namespace fettle;  // NOLINT: a tool of this project

struct Options {
  std::string model, adapter, sequences, out;
  DType compute = DType::f32;
  int threads = usable_cores();
};

Options parse(const std::vector<std::string>& arguments) {
  Options o;
  std::vector<std::string> names;
  for (size_t i = 0; i < arguments.size(); ++i) {
    if (arguments[i] == "--dtype" && i + 1 < arguments.size()) {
      const std::string dtype = arguments[++i];
      if (dtype != "f32" && dtype != "bf16") throw Error({.what = "--dtype is f32 or bf16"});
      o.compute = dtype == "f32" ? DType::f32 : DType::bf16;
    } else if (arguments[i] == "--threads" && i + 1 < arguments.size()) {
      o.threads = std::max(1, std::atoi(arguments[++i].c_str()));
    } else {
      names.push_back(arguments[i]);
    }
  }
  if (names.size() != 4)
    throw Error({.what = "parity_dump MODEL ADAPTER_DIR|- SEQUENCES.json OUT.safetensors [--dtype f32|bf16] "
                         "[--threads N]"});
  o.model = names[0], o.adapter = names[1], o.sequences = names[2], o.out = names[3];
  return o;
}

/// The sequences in one row, and what is trained in them.
struct Packed {
  std::vector<int32_t> ids, positions, cu = {0}, rows, tokens, cu_targets = {0};
  std::vector<uint64_t> keys;
  std::vector<Segment> segments;

  Packed(const std::string& file, bool adapted, int64_t vocab) {
    for (const nlohmann::json& sequence : parse_json_document(read_text(file), file)) {
      const auto s_ids = sequence.at("ids").get<std::vector<int32_t>>();
      const auto labels = sequence.at("labels").get<std::vector<int32_t>>();
      if (labels.size() != s_ids.size())
        throw Error({.what = "ids and labels differ in number", .where = file});
      for (size_t i = 0; i < s_ids.size(); ++i) {
        if (s_ids[i] < 0 || s_ids[i] >= vocab)
          throw Error({.what = fmt::format("id {}", s_ids[i]), .where = file});
        if (i + 1 < labels.size() && labels[i + 1] != -100) {
          rows.push_back(int32_t(ids.size()));
          tokens.push_back(labels[i + 1]);
        }
        ids.push_back(s_ids[i]);
        positions.push_back(int32_t(i));
      }
      cu.push_back(int32_t(ids.size()));
      cu_targets.push_back(int32_t(rows.size()));
      keys.push_back(keys.size());
    }
    segments = {{0, int64_t(ids.size()), adapted ? 0 : -1}};
  }
  BatchView batch() const {
    return {.ids = ids, .positions = positions, .cu_seqlens = cu, .segments = segments, .sample_keys = keys};
  }
  Targets targets() const { return {.rows = rows, .tokens = tokens, .cu_targets = cu_targets}; }
};

class MeanLoss : public Objective {
 public:
  bool one_pass() const override { return true; }
  void weigh(const Targets& t, std::span<const float>, std::span<float> weight) override {
    std::ranges::fill(weight, -1 / float(t.rows.size()));
  }
  double loss(const Targets& t, std::span<const float> logprob) override {
    return -std::accumulate(logprob.begin(), logprob.end(), 0.0) / double(t.rows.size());
  }
};

/// Logits of every position, as inference computes them.
std::vector<float> all_logits(const std::shared_ptr<const Model>& model,
                              const std::vector<LoraAdapter*>& adapters, Ops& ops, const Packed& packed,
                              DType compute) {
  const HyperParams& hp = model->hp();
  const int64_t tokens = int64_t(packed.ids.size()), sequences = int64_t(packed.keys.size());
  Network network(
      model, adapters, ops,
      {.compute = compute, .max_tokens = tokens, .max_sequences = sequences, .max_targets = tokens});
  Booking book;
  std::vector<Slot> slots;
  for (int64_t i = 0; i < 2 * hp.layers; ++i)
    slots.push_back(book.book("cache", tokens, hp.kv_dim(), compute));
  const Arena cache(book.peak_bytes());
  std::vector<int32_t> lengths;
  std::vector<int64_t> first_rows;
  for (size_t s = 0; s + 1 < packed.cu.size(); ++s) {
    lengths.push_back(packed.cu[s + 1] - packed.cu[s]);
    first_rows.push_back(packed.cu[s]);
  }
  std::vector<KvView> views;
  for (size_t i = 0; i < slots.size(); i += 2)
    views.push_back(
        {.k = cache.at(slots[i]), .v = cache.at(slots[i + 1]), .lengths = lengths, .block_rows = first_rows});
  std::vector<int32_t> rows(packed.ids.size());
  std::iota(rows.begin(), rows.end(), 0);
  network.forward(packed.batch(), rows, views);
  std::vector<float> out(rows.size() * size_t(hp.vocab_size));
  network.logits({out.data(), tokens, hp.vocab_size, hp.vocab_size, DType::f32});
  return out;
}

void add(std::vector<TensorToWrite>& tensors, std::string name, std::vector<int64_t> shape,
         std::span<const float> values) {
  tensors.push_back({.name = std::move(name),
                     .type = DType::f32,
                     .shape = std::move(shape),
                     .produce = [values](const auto& sink) { sink(std::as_bytes(values)); }});
}

void run(const Options& options) {
  Listener silent;
  const auto model = Model::load(options.model, silent);
  const auto ops = make_cpu_ops({.isa = choose_isa(), .threads = options.threads});
  std::unique_ptr<LoraAdapter> adapter;
  std::vector<LoraAdapter*> adapters;
  if (options.adapter != "-") {
    adapter = LoraAdapter::load(options.adapter, *model);
    adapter->make_trainable();
    adapters.push_back(adapter.get());
  }
  const Packed packed(options.sequences, adapter != nullptr, model->hp().vocab_size);
  const std::vector<float> logits = all_logits(model, adapters, *ops, packed, options.compute);

  const int64_t tokens = int64_t(packed.ids.size()), targets = int64_t(packed.rows.size());
  Network network(model, adapters, *ops,
                  {.compute = options.compute,
                   .training = true,
                   .max_tokens = tokens,
                   .max_sequences = int64_t(packed.keys.size()),
                   .max_targets = targets});
  MeanLoss objective;
  std::vector<float> logprob(packed.rows.size());
  const double mean = adapter ? network.train(packed.batch(), packed.targets(), objective, logprob)
                              : network.evaluate(packed.batch(), packed.targets(), objective, logprob);
  const float loss = float(mean);

  std::vector<TensorToWrite> tensors;
  add(tensors, "logits", {tokens, model->hp().vocab_size}, logits);
  add(tensors, "loss", {1}, {&loss, 1});
  add(tensors, "logprob", {targets}, logprob);
  for (const LoraEntry& e : adapter ? adapter->entries() : std::span<const LoraEntry>{}) {
    const std::string name = "grad.base_model.model." + e.module;
    add(tensors, name + ".lora_A.weight", {e.rank, e.in},
        adapter->grads().subspan(size_t(e.a_at), size_t(e.rank * e.in)));
    add(tensors, name + ".lora_B.weight", {e.out, e.rank},
        adapter->grads().subspan(size_t(e.b_at), size_t(e.out * e.rank)));
  }
  write_safetensors(options.out, std::move(tensors), {});
  fmt::print("{} positions, {} targets, {} on {}: loss {:.6f}\n", tokens, targets,
             options.compute == DType::f32 ? "f32" : "bf16", ops->isa(), mean);
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse({argv + 1, argv + argc}));
    return 0;
  } catch (const fettle::Error& e) {
    fmt::print(stderr, "{}\n", e.message());
  } catch (const std::exception& e) {
    fmt::print(stderr, "{}\n", e.what());
  }
  return 1;
}
