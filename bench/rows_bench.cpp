// Attention and row operations at SmolLM2-135M's shapes, beside the machine's own limits probed in the same
// minute: f32 fused multiply-adds per second, and bytes per second through a copy.
//   rows_bench [threads] [tokens]
#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "kernel/cpu_ops.h"

namespace {

using namespace fettle;

// With one thread its own processor time, so that other work on the machine counts less; else the clock on
// the wall.
clockid_t clock_id = CLOCK_MONOTONIC;

double seconds_now() {
  timespec now;
  clock_gettime(clock_id, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

/// Median seconds of a call, over about `budget` seconds.
template <class Call>
double median_seconds(const Call& call, double budget = 0.4) {
  call();
  std::vector<double> times;
  for (const double end = seconds_now() + budget; seconds_now() < end || times.size() < 5;) {
    const double start = seconds_now();
    call();
    times.push_back(seconds_now() - start);
  }
  std::nth_element(times.begin(), times.begin() + int64_t(times.size() / 2), times.end());
  return times[times.size() / 2];
}

// Twelve chains hide the latency of fma on every core built so far.
constexpr int kChains = 12, kRepeats = 1 << 16;

template <class Vec>
[[gnu::always_inline]] inline double fma_chains() {
  Vec sum[kChains];
  for (int i = 0; i < kChains; ++i) sum[i] = Vec{} + float(i);
  const Vec a = Vec{} + 0.999f, b = Vec{} + 0.001f;
  for (int r = 0; r < kRepeats; ++r)
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) sum[i] = sum[i] * a + b;
  for (int i = 1; i < kChains; ++i) sum[0] += sum[i];
  return double(sum[0][0]);
}

typedef float Wide __attribute__((vector_size(64)));
typedef float Narrow __attribute__((vector_size(32)));
[[gnu::target("avx512f"), gnu::optimize("fp-contract=fast")]] double fma_avx512() {
  return fma_chains<Wide>();
}
[[gnu::target("avx2,fma"), gnu::optimize("fp-contract=fast")]] double fma_avx2() {
  return fma_chains<Narrow>();
}

/// f32 GF/s of all threads.
double fma_peak(ThreadPool& pool) {
  const bool wide = __builtin_cpu_supports("avx512f");
  std::vector<double> sink(size_t(pool.threads()) * 16);
  const double flops = double(pool.threads()) * kRepeats * 2 * (wide ? kChains * 16 : kChains * 8);
  return flops / 1e9 / median_seconds([&] {
           pool.parallel_for(pool.threads(), [&](int64_t i, int) {
             sink[size_t(i) * 16] += wide ? fma_avx512() : fma_avx2();
           });
         });
}

struct Matrix {
  std::vector<float> data;
  Buf buf;
  Matrix(int64_t rows, int64_t cols, DType type) : data(size_t((rows + 16) * cols)) {
    buf = {data.data(), rows, cols, cols, type};
    for (size_t i = 0; i < data.size(); ++i) {
      const float x = float(i * 2654435761u % 65536) / 32768 - 1;
      if (type == DType::f32)
        data[i] = x;
      else
        reinterpret_cast<uint16_t*>(data.data())[i] = uint16_t(std::bit_cast<uint32_t>(x) >> 16);
    }
  }
};

void bench(Ops& ops, int64_t tokens, DType type, double peak) {
  constexpr int64_t kHeads = 9, kKvHeads = 3, kHeadDim = 64, kWidth = 576, kFfn = 1536;
  const char* name = type == DType::f32 ? "f32" : "bf16";
  std::vector<int32_t> ids(static_cast<size_t>(tokens)), positions(ids), cu = {0, int32_t(tokens)},
                                                                         lengths = {int32_t(tokens)};
  for (size_t i = 0; i < positions.size(); ++i) positions[i] = int32_t(i);
  const std::vector<int64_t> block_rows = {0};
  const BatchView batch{
      .ids = ids, .positions = positions, .cu_seqlens = cu, .segments = {}, .sample_keys = {}};
  const AttentionSpec spec{.heads = kHeads, .kv_heads = kKvHeads, .head_dim = kHeadDim, .scale = 0.125f};
  const Matrix q(tokens, kWidth, type), k(tokens, kKvHeads * kHeadDim, type),
      v(tokens, kKvHeads * kHeadDim, type), dout(tokens, kWidth, type);
  Matrix o(tokens, kWidth, type), lse(tokens, kHeads, DType::f32), dq(tokens, kWidth, type),
      dk(tokens, kKvHeads * kHeadDim, type), dv(tokens, kKvHeads * kHeadDim, type);
  const KvView view{.k = k.buf, .v = v.buf, .lengths = lengths, .block_rows = block_rows};
  const double product =
      2.0 * double(tokens) * double(tokens + 1) / 2 * kHeadDim * kHeads;  // causal half, one GEMM
  const auto report = [&](const char* what, double seconds, double products) {
    const double rate = products * product / seconds / 1e9;
    fmt::print("{:24} {:5} {:9.3f} ms  {:6.1f} GF/s  {:4.1f} % of the f32 peak\n", what, name, seconds * 1e3,
               rate, 100 * rate / peak);
  };
  report("attention", median_seconds([&] { ops.attention(batch, spec, q.buf, view, o.buf, lse.buf); }), 2);
  report("attention backward", median_seconds([&] {
           ops.attention_backward(batch, spec, q.buf, view, o.buf, lse.buf, dout.buf, dq.buf, dk.buf, dv.buf);
         }),
         5);

  const Matrix gate(tokens, kFfn, type), up(tokens, kFfn, type), dact(tokens, kFfn, type),
      w(1, kWidth, DType::f32), angles(tokens, kHeadDim / 2, DType::f32);
  Matrix act(tokens, kFfn, type), dgate(tokens, kFfn, type), dup(tokens, kFfn, type), y(tokens, kWidth, type);
  const RopeTable table{angles.buf, angles.buf};
  const auto bytes = [&](const char* what, double seconds, int64_t elements) {
    fmt::print("{:24} {:5} {:9.3f} ms  {:6.1f} GB/s\n", what, name, seconds * 1e3,
               double(elements * q.buf.element_bytes()) / seconds / 1e9);
  };
  bytes("copy", median_seconds([&] { ops.copy(gate.buf, act.buf); }), 2 * tokens * kFfn);
  bytes("rms_norm", median_seconds([&] { ops.rms_norm(q.buf, w.buf, 1e-5f, y.buf); }), 2 * tokens * kWidth);
  bytes("rms_norm_backward",
        median_seconds([&] { ops.rms_norm_backward(q.buf, w.buf, 1e-5f, dout.buf, y.buf, true, Buf{}); }),
        4 * tokens * kWidth);
  bytes("rope", median_seconds([&] { ops.rope(y.buf, kHeadDim, table, positions, false); }),
        2 * tokens * kWidth);
  bytes("gated_act", median_seconds([&] { ops.gated_act(Activation::silu, gate.buf, up.buf, act.buf); }),
        3 * tokens * kFfn);
  bytes("gated_act_backward", median_seconds([&] {
          ops.gated_act_backward(Activation::silu, gate.buf, up.buf, dact.buf, dgate.buf, dup.buf);
        }),
        5 * tokens * kFfn);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::atoi(argv[1]) : 1;
  const int64_t tokens = argc > 2 ? std::atoll(argv[2]) : 512;
  if (threads == 1) clock_id = CLOCK_THREAD_CPUTIME_ID;
  const auto ops = make_cpu_ops({.isa = choose_isa(), .threads = threads});
  ThreadPool pool(threads);
  for (const DType type : {DType::f32, DType::bf16}) {
    const double peak = fma_peak(pool);
    fmt::print("{} tokens, {}, {} threads, f32 fma {:.0f} GF/s\n", tokens, ops->isa(), threads, peak);
    bench(*ops, tokens, type, peak);
  }
}
