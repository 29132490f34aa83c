// The machine's matrix rate, probed beside what is measured: the bare microkernel on operands that stay in
// L2, on every thread at once. A slower clock or a busy neighbour slows the probe as it slows the work, so
// shares of it hold where absolute rates do not.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

#include "base/half.h"
#include "base/thread_pool.h"
#include "kernel/gemm/microkernels.h"

namespace fettle::bench {

struct Seconds {
  double wall = 0, processor = 0;  // processor: of all threads
};

inline Seconds now() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return {std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(),
          double(t.tv_sec) + double(t.tv_nsec) * 1e-9};
}

template <class Work>
Seconds seconds_of(const Work& work) {
  const Seconds start = now();
  work();
  const Seconds end = now();
  return {end.wall - start.wall, end.processor - start.processor};
}

inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + int64_t(values.size() / 2), values.end());
  return values[values.size() / 2];
}

class PeakProbe {
 public:
  /// Products of bf16 where `bf16` and the set multiplies it, else of f32.
  PeakProbe(Isa isa, int threads, bool bf16) : pool_(threads), micro_(isa), bf16_(bf16 && micro_.bf16()) {
    for (int t = 0; t < threads; ++t) operands_.emplace_back();
    micro_.get(shape());
  }
  bool bf16() const { return bf16_; }
  /// Arithmetic of one run(), of all threads.
  double flops() const { return kFlops * double(operands_.size()); }
  /// Some twenty milliseconds of products.
  Seconds run() {
    return seconds_of([&] {
      pool_.parallel_for(int64_t(operands_.size()), [&](int64_t i, int) {
        Operands& o = operands_[size_t(i)];
        for (int r = 0; r < kRepeats; ++r) micro_.at(shape())(kRows, o.a.data(), o.b.data(), o.c.data());
      });
    });
  }

 private:
  static constexpr int64_t kRows = 128, kCols = 64, kDepth = 576, kRepeats = 480;
  static constexpr double kFlops = 2.0 * kRows * kCols * kDepth * kRepeats;
  /// Bytes for either type: ones, so that no product is subnormal.
  struct Operands {
    std::vector<uint32_t> a, b;
    std::vector<float> c;
    Operands() : a(kRows * kDepth, 0x3f803f80), b(kCols * kDepth, 0x3f803f80), c(kRows * kCols) {}
  };
  GemmShape shape() const { return {bf16_, false, kCols, kDepth, kDepth, kCols, kCols}; }

  ThreadPool pool_;
  MicroKernels micro_;
  bool bf16_;
  std::vector<Operands> operands_;
};

}  // namespace fettle::bench
