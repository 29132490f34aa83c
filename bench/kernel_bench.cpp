// How much of the machine's matrix rate the operations reach: every row alternates the operation with a probe
// of the bare microkernel on the same threads, so that a slower clock slows both, and reports medians and
// their ratio, once by the clock on the wall and once by processor time. On a machine that does other work
// only the second means something; it does not see threads that wait for one another.
//   kernel_bench [seconds per row = 1] [threads = all] [filter]
// FETTLE_ISA chooses the instruction set. Decoding, packing and the epilogue count as time, never as work.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "base/plan.h"
#include "base/rng.h"
#include "kernel/cpu/cpu_ops.h"
#include "probe.h"
#include "quant/storage.h"

namespace {

using namespace fettle;
using namespace fettle::bench;

struct Shape {
  const char* name;
  int64_t in;
  std::vector<int64_t> outs;
};
// SmolLM2-135M.
const Shape kShapes[] = {
    {"qkv", 576, {576, 192, 192}}, {"o", 576, {576}}, {"gate_up", 576, {1536, 1536}}, {"down", 1536, {576}}};
constexpr int64_t kHidden = 576, kVocab = 49152, kRank = 16;

std::vector<std::byte> random_weight(DType type, int64_t rows, int64_t cols) {
  std::vector<std::byte> bytes(size_t(rows * row_bytes(type, cols)));
  std::vector<float> values(static_cast<size_t>(cols));
  Rng rng(1, Purpose::probe);
  for (int64_t r = 0; r < rows; ++r) {
    for (float& x : values) x = rng.next_float() * 0.1f - 0.05f;
    storage(type).encode(values.data(), cols, bytes.data() + r * row_bytes(type, cols));
  }
  return bytes;
}

/// A matrix that owns its memory.
struct Matrix {
  Matrix(int64_t rows, int64_t cols, DType type)
      : bytes(size_t(round_up(rows, 16) * cols * 4)), buf{bytes.data(), rows, cols, cols, type} {
    Rng rng(2, Purpose::probe);
    for (int64_t r = 0; r < round_up(rows, 16); ++r) {
      for (int64_t c = 0; c < cols; ++c) {
        const float x = rng.next_float() - 0.5f;
        if (type == DType::f32) {
          buf.row<float>(r)[c] = x;
        } else {
          buf.row<bf16_t>(r)[c] = to_bf16(x);
        }
      }
    }
  }
  std::vector<std::byte> bytes;
  Buf buf;
};

class Bench {
 public:
  Bench(Isa isa, int threads, double seconds)
      : ops_({.isa = isa, .threads = threads}), probe_(isa, threads, true), seconds_(seconds) {}
  CpuOps& ops() { return ops_; }
  DType type() const { return probe_.bf16() ? DType::bf16 : DType::f32; }

  /// Alternates `work` of `flops` with the probe.
  void row(const std::string& name, double flops, const std::function<void()>& work) {
    work();
    std::vector<double> wall, processor, peak_wall, peak_processor;
    for (double spent = 0; spent < seconds_ || wall.size() < 5;) {
      const Seconds p = probe_.run(), s = seconds_of(work);
      peak_wall.push_back(probe_.flops() / p.wall / 1e9);
      peak_processor.push_back(probe_.flops() / p.processor / 1e9);
      wall.push_back(flops / s.wall / 1e9);
      processor.push_back(flops / s.processor / 1e9);
      spent += s.wall + p.wall;
    }
    const double w = median(wall), c = median(processor), pw = median(peak_wall), pc = median(peak_processor);
    fmt::print(
        "{:<34} {:8.1f} of {:7.1f} GF/s {:5.1f} %   a core: {:7.1f} of {:6.1f} {:5.1f} %  {:9.3f} ms\n", name,
        w, pw, 100 * w / pw, c, pc, 100 * c / pc, flops / w / 1e6);
  }

 private:
  CpuOps ops_;
  PeakProbe probe_;
  double seconds_;
};

/// One linear of a layer with its deltas, and the buffers of all three operations.
struct LinearRun {
  LinearRun(const Shape& shape, DType storage_type, int64_t tokens, DType type, bool lora, float dropout)
      : x(tokens, shape.in, type), dx(tokens, shape.in, type) {
    positions.resize(size_t(tokens));
    cu = {0, int32_t(tokens)};
    if (lora) segments = {{0, tokens, 0}};
    deltas.reserve(shape.outs.size());
    for (const int64_t out : shape.outs) {
      weights.push_back(random_weight(storage_type, out, shape.in));
      deltas.emplace_back();
      if (lora) {
        for (const auto& [rows, cols] :
             {std::pair{kRank, shape.in}, {out, kRank}, {kRank, shape.in}, {out, kRank}}) {
          adapters.emplace_back(rows, cols, DType::f32);
        }
        const auto at = [&](size_t back) { return adapters[adapters.size() - back].buf; };
        deltas.back().push_back(
            {.A = at(4), .B = at(3), .scale = 2, .dA = at(2), .dB = at(1), .dropout = dropout});
        u.push_back(Matrix(tokens, kRank, type));
        du.push_back(Matrix(tokens, kRank, type));
      }
      y.push_back(Matrix(tokens, out, type));
      projs.push_back(
          {.w = {weights.back().data(), storage_type, out, shape.in, row_bytes(storage_type, shape.in)},
           .deltas = deltas.back()});
      flops += 2.0 * double(tokens) * double(shape.in) * double(out);
      if (lora) low_rank_flops += 2.0 * double(tokens) * double(kRank) * double(shape.in + out);
    }
  }
  BatchView batch() const {
    return {.ids = positions,
            .positions = positions,
            .cu_seqlens = cu,
            .segments = segments,
            .sample_keys = keys,
            .training = true};
  }
  static std::vector<Buf> bufs(const std::vector<Matrix>& list) {
    std::vector<Buf> out;
    for (const Matrix& m : list) out.push_back(m.buf);
    return out;
  }

  Matrix x, dx;
  std::vector<std::vector<std::byte>> weights;
  std::vector<Matrix> adapters, y, u, du;
  std::vector<std::vector<LowRank>> deltas;
  std::vector<Proj> projs;
  std::vector<Segment> segments;
  std::vector<int32_t> positions, cu;
  std::vector<uint64_t> keys = {1};
  double flops = 0, low_rank_flops = 0;
};

void linears(Bench& bench, DType storage_type, int64_t tokens, bool lora, const std::string& filter,
             float dropout = 0) {
  for (const Shape& shape : kShapes) {
    const std::string name = fmt::format("{} {} {}{}", shape.name, fettle::name(storage_type), tokens,
                                         dropout > 0 ? " r16 dropout"
                                         : lora      ? " r16"
                                                     : "");
    if (name.find(filter) == std::string::npos) continue;
    LinearRun run(shape, storage_type, tokens, bench.type(), lora, dropout);
    const std::vector<Buf> y = LinearRun::bufs(run.y), u = LinearRun::bufs(run.u),
                           du = LinearRun::bufs(run.du);
    const BatchView batch = run.batch();
    bench.row(name + " forward", run.flops + run.low_rank_flops,
              [&] { bench.ops().linear(batch, run.x.buf, run.projs, y, u, false); });
    bench.row(name + " dx", run.flops + run.low_rank_flops,
              [&] { bench.ops().linear_dx(batch, y, run.projs, du, run.dx.buf, false); });
    if (lora) {
      bench.row(name + " dA dB", run.low_rank_flops,
                [&] { bench.ops().low_rank_grad(batch, run.x.buf, u, y, du, run.projs); });
    }
  }
}

void heads(Bench& bench, DType storage_type, int64_t rows, const std::string& filter) {
  const std::string name = fmt::format("head {} {}", fettle::name(storage_type), rows);
  if (name.find(filter) == std::string::npos) return;
  const std::vector<std::byte> weight = random_weight(storage_type, kVocab, kHidden);
  const Matrix hidden(rows, kHidden, bench.type()), dhidden(rows, kHidden, bench.type());
  const std::vector<int32_t> targets(size_t(rows), 7);
  const std::vector<float> dloss(size_t(rows), -1.0f);
  std::vector<float> logprob(static_cast<size_t>(rows));
  HeadCall call{
      .hidden = hidden.buf,
      .head = {.w = {weight.data(), storage_type, kVocab, kHidden, row_bytes(storage_type, kHidden)}},
      .targets = targets,
      .logprob = logprob};
  const double flops = 2.0 * double(rows) * double(kHidden) * double(kVocab);
  bench.row(name + " forward", flops, [&] { bench.ops().head(call); });
  call.weight = dloss;
  call.dhidden = dhidden.buf;
  bench.row(name + " both", 2 * flops, [&] { bench.ops().head(call); });
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 1;
  const int threads = argc > 2 && std::atoi(argv[2]) > 0 ? std::atoi(argv[2]) : usable_cores();
  const std::string filter = argc > 3 ? argv[3] : "";
  Bench bench(choose_isa(), threads, seconds);
  fmt::print("{} threads, {}\n", threads, bench.ops().microkernels());
  for (const DType type : {DType::q4_1, DType::bf16, DType::q8_0}) {
    for (const int64_t tokens : {1, 128, 512, 2048}) linears(bench, type, tokens, false, filter);
    linears(bench, type, 512, true, filter);
    if (type == DType::q4_1) linears(bench, type, 512, true, filter, 0.1f);
    heads(bench, type, 256, filter);
  }
}
