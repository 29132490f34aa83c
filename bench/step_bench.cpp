// A whole training step of SmolLM2-135M, by kind of operation, as a share of the machine's matrix rate.
//   step_bench [steps = 5] [batch = 4] [tokens of a sequence = 512] [threads = all] [rank = 16] [supervised %
//   = 100] [dropout]
//
// LoRA on all linears; weights are random numbers in Q4_1 (time does not depend on them). Steps alternate
// with probes of the bare microkernel on the same threads; shares are medians over steps. Useful arithmetic
// is what the step cannot do without: every frozen linear twice (y and dx; dx only above the lowest adapter),
// adapters' six products, the head's two over supervised rows, attention's visible pairs only, two products
// forward and five backward, nothing twice for recomputing, decoding or packing. FETTLE_ISA chooses the
// instruction set.
#include <fmt/core.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <numeric>

#include "base/listener.h"
#include "base/rng.h"
#include "format/gguf_writer.h"
#include "kernel/cpu_ops.h"
#include "model/network.h"
#include "quant/storage.h"
#include "timed_ops.h"
#include "tune/objective/cross_entropy.h"
#include "tune/optim/optimizer.h"

namespace {

using namespace fettle;
using namespace fettle::bench;
namespace fs = std::filesystem;

constexpr int64_t kLayers = 30, kHidden = 576, kFfn = 1536, kHeads = 9, kKvHeads = 3, kHeadDim = 64,
                  kVocab = 49152;

/// Rows drawn once and repeated: encoding 130 million numbers would take longer than measuring.
TensorToWrite random_matrix(const std::string& name, int64_t rows, int64_t cols, DType type) {
  constexpr int64_t kDistinct = 61;
  auto bytes = std::make_shared<std::vector<std::byte>>(size_t(kDistinct * row_bytes(type, cols)));
  std::vector<float> values(static_cast<size_t>(cols));
  Rng rng(1, Purpose::probe);
  for (int64_t r = 0; r < kDistinct; ++r) {
    for (float& x : values) x = type == DType::f32 ? 1 : rng.next_float() * 0.1f - 0.05f;
    storage(type).encode(values.data(), cols, bytes->data() + r * row_bytes(type, cols));
  }
  return {.name = name,
          .type = type,
          .shape = rows == 1 ? std::vector<int64_t>{cols} : std::vector<int64_t>{rows, cols},
          .produce = [=](const auto& sink) {
            for (int64_t r = 0; r < rows; r += kDistinct)
              sink(std::span(*bytes).first(size_t(std::min(kDistinct, rows - r) * row_bytes(type, cols))));
          }};
}

void write_model(const fs::path& file) {
  GgufMetadata meta;
  meta.set_text("general.architecture", "llama");
  meta.set_u32("llama.block_count", kLayers);
  meta.set_u32("llama.embedding_length", kHidden);
  meta.set_u32("llama.feed_forward_length", kFfn);
  meta.set_u32("llama.attention.head_count", kHeads);
  meta.set_u32("llama.attention.head_count_kv", kKvHeads);
  meta.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  meta.set_f32("llama.rope.freq_base", 100000);
  meta.set_u32("llama.rope.dimension_count", kHeadDim);
  meta.set_u32("llama.context_length", 8192);
  std::vector<TensorToWrite> tensors;
  const auto add = [&](const std::string& name, int64_t rows, int64_t cols) {
    tensors.push_back(random_matrix(name, rows, cols, rows == 1 ? DType::f32 : DType::q4_1));
  };
  add("token_embd.weight", kVocab, kHidden);
  add("output_norm.weight", 1, kHidden);
  for (int64_t i = 0; i < kLayers; ++i) {
    const std::string at = fmt::format("blk.{}.", i);
    add(at + "attn_norm.weight", 1, kHidden);
    add(at + "attn_q.weight", kHeads * kHeadDim, kHidden);
    add(at + "attn_k.weight", kKvHeads * kHeadDim, kHidden);
    add(at + "attn_v.weight", kKvHeads * kHeadDim, kHidden);
    add(at + "attn_output.weight", kHidden, kHeads * kHeadDim);
    add(at + "ffn_norm.weight", 1, kHidden);
    add(at + "ffn_gate.weight", kFfn, kHidden);
    add(at + "ffn_up.weight", kFfn, kHidden);
    add(at + "ffn_down.weight", kHidden, kFfn);
  }
  write_gguf(file, meta, tensors);
}

std::shared_ptr<const Model> random_model() {
  const fs::path file = fs::temp_directory_path() / fmt::format("fettle_step_bench_{}.gguf", ::getpid());
  write_model(file);
  Listener silent;
  auto model = Model::load(file, silent);
  fs::remove(file);  // it stays mapped
  return model;
}

/// `batch` sequences of `length` tokens; the last `supervised` percent of each are targets.
struct Batch {
  Batch(int64_t batch, int64_t length, int64_t supervised) {
    Rng rng(3, Purpose::probe);
    for (int64_t s = 0; s < batch; ++s) {
      for (int64_t t = 0; t < length; ++t) {
        ids.push_back(int32_t(rng.below(kVocab)));
        positions.push_back(int32_t(t));
        if ((length - 1 - t) * 100 < supervised * length) {
          rows.push_back(int32_t(ids.size()) - 1);
          tokens.push_back(int32_t(rng.below(kVocab)));
        }
      }
      cu.push_back(int32_t(ids.size()));
      cu_targets.push_back(int32_t(rows.size()));
      keys.push_back(uint64_t(s));
    }
    whole = {0, int64_t(ids.size()), 0};
  }
  BatchView view(uint32_t step) const {
    return {.ids = ids,
            .positions = positions,
            .cu_seqlens = cu,
            .segments = {&whole, 1},
            .sample_keys = keys,
            .seed = 1,
            .step = step,
            .training = true};
  }
  std::vector<int32_t> ids, positions, cu = {0}, rows, tokens, cu_targets = {0};
  std::vector<uint64_t> keys;
  Segment whole;
};

struct Measured {
  double wall, processor, flops, peak_wall, peak_processor;  // seconds, arithmetic, GF/s
  std::array<Account, size_t(Kind::count)> accounts;
};

template <class Value>
double median_of(const std::vector<Measured>& samples, const Value& value) {
  std::vector<double> values;
  for (const Measured& s : samples) values.push_back(value(s));
  return median(values);
}

double processor_peak(const Measured& s) {
  return s.peak_processor;
}

/// Processor time of all threads, because other work on the machine does not lengthen it; it does not see
/// threads that wait.
void report(const std::vector<Measured>& samples, int64_t tokens, int threads, const char* peak_name,
            double f32_peak) {
  fmt::print("{:<20} {:>7} {:>13} {:>8} {:>11} {:>11} {:>7}\n", "", "calls", "processor ms", "% step",
             "GF/s a core", "% of peak", "busy %");
  const double step = median_of(samples, [](const Measured& s) { return s.processor; });
  const double peak = median_of(samples, processor_peak);
  const auto line = [&](const std::string& name, int64_t calls, double seconds, double flops, double wall) {
    fmt::print("{:<20} {:>7} {:>13.1f} {:>8.1f}", name, calls, seconds * 1e3, 100 * seconds / step);
    const double rate = flops / seconds / 1e9;
    fmt::print("{:>12} {:>11}", flops > 0 ? fmt::format("{:.1f}", rate) : "",
               flops > 0 ? fmt::format("{:.1f}", 100 * rate / peak) : "");
    fmt::print("{:>8}\n", wall > 0 ? fmt::format("{:.0f}", 100 * seconds / wall / threads) : "");
  };
  double inside = 0;
  for (size_t k = 0; k < size_t(Kind::count); ++k) {
    const double seconds =
        median_of(samples, [&](const Measured& s) { return s.accounts[k].time.processor; });
    line(kKindNames[k], samples[0].accounts[k].calls, seconds, samples[0].accounts[k].flops,
         median_of(samples, [&](const Measured& s) { return s.accounts[k].time.wall; }));
    inside += seconds;
  }
  const double wall = median_of(samples, [](const Measured& s) { return s.wall; });
  line("everything else", 0, std::max(0.0, step - inside), 0, 0);
  line("step", 1, step, samples[0].flops, wall);
  const double wall_peak = median_of(samples, [](const Measured& s) { return s.peak_wall; });
  fmt::print(
      "\n{:.0f} tokens/s by the clock; {:.1f} million useful operations per token; threads busy {:.0f} %\n",
      double(tokens) / wall, samples[0].flops / double(tokens) / 1e6, 100 * step / wall / threads);
  fmt::print(
      "peak of the bare microkernel: {} {:.1f} GF/s a core, {:.1f} all threads by the clock; f32 {:.1f} a "
      "core\n",
      peak_name, peak, wall_peak, f32_peak);
  fmt::print("useful arithmetic: {:.1f} % of the {} peak by the clock, {:.1f} % by processor time\n",
             100 * median_of(samples, [](const Measured& s) { return s.flops / s.wall / 1e9 / s.peak_wall; }),
             peak_name, 100 * median_of(samples, [](const Measured& s) {
                          return s.flops / s.processor / 1e9 / s.peak_processor;
                        }));
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, double otherwise) { return argc > i ? std::atof(argv[i]) : otherwise; };
  const int steps = std::max(1, int(argument(1, 5)));
  const auto batch = int64_t(argument(2, 4)), length = int64_t(argument(3, 512));
  const int threads = argument(4, 0) > 0 ? int(argument(4, 0)) : usable_cores();
  const auto rank = int64_t(argument(5, 16)), supervised = int64_t(argument(6, 100));
  const auto cpu = make_cpu_ops({.isa = choose_isa(), .threads = threads});
  PeakProbe probe(choose_isa(), threads, true), probe_f32(choose_isa(), threads, false);
  TimedOps ops(*cpu);
  const auto model = random_model();
  const auto adapter =
      LoraAdapter::create(*model, {.rank = rank, .alpha = 2.0 * double(rank), .dropout = argument(7, 0)}, 1);
  adapter->make_trainable();
  const Batch data(batch, length, supervised);
  const int64_t tokens = batch * length;
  Network network(model, {adapter.get()}, ops,
                  {.compute = probe.bf16() ? DType::bf16 : DType::f32,
                   .training = true,
                   .max_tokens = tokens,
                   .max_sequences = batch,
                   .max_targets = int64_t(data.rows.size())});
  TrainJob job;
  Optimizer optimizer(job, int64_t(adapter->params().size()));
  CrossEntropy objective;
  objective.begin_step(int64_t(data.rows.size()));
  std::vector<float> logprob(data.rows.size());
  const auto step = [&](int i) {
    network.train(data.view(uint32_t(i)), {data.rows, data.tokens, data.cu_targets}, objective, logprob);
    optimizer.step(ops, adapter->params(), adapter->grads(), 1e-4);
  };
  fmt::print(
      "SmolLM2-135M in Q4_1, LoRA r {} on all linears, {} x {} tokens, {} % supervised, {} threads, {}\n\n",
      rank, batch, length, supervised, threads, cpu->microkernels());
  step(0);
  std::vector<Measured> samples;
  for (int i = 1; i <= steps; ++i) {
    ops.accounts = {};
    const Seconds before = probe.run(), s = seconds_of([&] { step(i); }), after = probe.run();
    double flops = 0;
    for (const Account& a : ops.accounts) flops += a.flops;
    samples.push_back({s.wall, s.processor, flops, 2 * probe.flops() / (before.wall + after.wall) / 1e9,
                       2 * probe.flops() / (before.processor + after.processor) / 1e9, ops.accounts});
  }
  report(samples, tokens, threads, probe.bf16() ? "bf16" : "f32",
         probe_f32.flops() / probe_f32.run().processor / 1e9);
}
