// Head and loss over supervised rows, a chunk of rows at a time.
//
// Forward: a task owns a slab of the vocabulary; it multiplies the chunk by the slab and keeps, for every
// row, the slab's maximum m and Σ exp(logit − m); slabs are combined in order. Backward: the tasks also keep
// exp(logit − m) in the compute type; once log Z is known it becomes dLoss/dlogit in place, and dhidden is a
// contraction over the vocabulary.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/error.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/gemm/carver.h"
#include "kernel/gemm/microkernels.h"
#include "kernel/gemm/panel.h"
#include "kernel/gemm/row_blocks.h"
#include "kernel/gemm/tiling.h"
#include "kernel/isa/row_kernels.h"

namespace fettle {

namespace {
constexpr int64_t kSlab = 256;             // vocabulary entries per task
constexpr int64_t kChunkRows = 512;        // rows per chunk, fewer where the vocabulary is large:
constexpr int64_t kChunkBytes = 64 << 20;  // of kept exponentials
constexpr int64_t kFewestRows = 64;        // below, decoding the head would cost more than multiplying by it
constexpr int64_t kVocabChunk = 768;       // of the contraction of dhidden
constexpr int64_t kUnit = 32;              // of a task's columns of dhidden
constexpr int64_t kBlock = 128;            // rows taken through a slab at once: their logits stay in L2

/// Of one row and one slab.
struct Partial {
  float maximum, sum;
};

int64_t rows_per_chunk(int64_t n, int64_t vocab, int64_t element, bool backward) {
  const int64_t fit = backward ? kChunkBytes / (vocab * element) / 16 * 16 : kChunkRows;
  return std::min(round_up(n, 16), std::clamp(fit, kFewestRows, kChunkRows));
}

/// Columns of dhidden per task, a multiple of `unit`: as few as keep the panel in L2, and so that the threads
/// end together.
int64_t dhidden_strip(int64_t width, int64_t unit, int threads) {
  const auto rounds = [&](int64_t strip) { return (panel_count(width, strip) + threads - 1) / threads; };
  int64_t best = round_up(kPanel, unit);
  for (int64_t strip = best + unit; strip <= 2 * kPanel; strip += unit) {
    if (rounds(strip) * strip < rounds(best) * best) best = strip;
  }
  return best;
}
}  // namespace

struct CpuOps::HeadRun {
  CpuOps& ops;
  const HeadCall& call;
  Buf hidden;  // in the compute type
  PanelPacker packer;
  int64_t vocab, width, pitch;  // pitch: of kept exponentials, whole slabs
  int64_t slabs, chunk_rows, k_chunk, strip;
  bool backward;

  Partial* partial = nullptr;     // [slabs, chunk_rows]
  float* target_logit = nullptr;  // [chunk_rows]
  float* log_z = nullptr;         // [chunk_rows]
  std::byte* kept = nullptr;      // [chunk_rows, pitch] compute type

  bool bf16() const { return packer.bf16(); }
  int64_t element() const { return bf16() ? 2 : 4; }
  void carve(Carver& shared) {
    partial = reinterpret_cast<Partial*>(shared.take(slabs * chunk_rows * int64_t(sizeof(Partial))));
    target_logit = shared.floats(chunk_rows);
    log_z = shared.floats(chunk_rows);
    kept = shared.take(backward ? chunk_rows * pitch * element() : 0);
  }
  GemmShape logits_shape(int64_t n, int64_t length, bool add) const {
    return {bf16(), add, int32_t(n), int32_t(length), hidden.ld, n, kSlab};
  }
  GemmShape dhidden_shape(int64_t length, bool add) const {
    return {bf16(), add, int32_t(strip), int32_t(length), pitch, strip, strip};
  }
  int64_t thread_bytes() const {
    const int64_t logits =
        packer.bytes(width, kSlab) + packer.transpose_scratch(k_chunk) + kBlock * kSlab * 4;
    const int64_t dx =
        packer.bytes(vocab_chunk(), strip) + packer.straight_scratch(strip) + chunk_rows * strip * 4;
    return std::max(logits, dx) + 256;
  }
  int64_t vocab_chunk() const { return strip <= 2 * kPanel ? kVocabChunk : kVocabChunk / 2; }

  void prepare();
  void slab(int64_t row, int64_t rows, int64_t index, std::byte* scratch);
  void multiply(int64_t row, int64_t rows, int64_t begin, int64_t end, const std::byte* panels, float* tile);
  void slab_row(int64_t row, int64_t r, int64_t index, const float* logits);
  void combine(int64_t row, int64_t r);
  void logit_gradient(int64_t row, int64_t r);
  void dhidden(int64_t row, int64_t rows, int64_t col, std::byte* scratch);
};

void CpuOps::head(const HeadCall& call) {
  const int64_t n = call.hidden.rows, vocab = call.head.w.rows;
  if (n == 0) return;
  FETTLE_CHECK(call.head.deltas.empty(),
               "the head takes no low-rank delta: it has no segments to choose one by");
  const bool bf16 = call.hidden.type == DType::bf16 && micro_->bf16() && call.hidden.cols % 2 == 0;
  const bool backward = !call.weight.empty();
  HeadRun run{.ops = *this,
              .call = call,
              .hidden = call.hidden,
              .packer = {panels_, decode_, bf16},
              .vocab = vocab,
              .width = call.hidden.cols,
              .pitch = round_up(vocab, kSlab),
              .slabs = panel_count(vocab, kSlab),
              .chunk_rows = rows_per_chunk(n, vocab, bf16 ? 2 : 4, backward),
              .k_chunk = chunk_length(call.hidden.cols),
              .strip = dhidden_strip(call.hidden.cols, strip_width(call.head.w, kUnit), pool_.threads()),
              .backward = backward};
  const int64_t copy_bytes = operand_bytes(call.hidden, bf16);
  Carver measure;
  run.carve(measure);
  Carver shared(shared_scratch_.get(measure.used() + copy_bytes + 64));
  run.carve(shared);
  run.hidden = operand(call.hidden, bf16, shared.take(copy_bytes));
  run.prepare();
  reserve_thread_scratch(run.thread_bytes());
  const auto scratch = [&](int thread) { return thread_scratch_[size_t(thread)].get(0); };
  for (int64_t row = 0; row < n; row += run.chunk_rows) {
    const int64_t rows = std::min(run.chunk_rows, n - row);
    pool_.parallel_for(run.slabs, [&](int64_t i, int t) { run.slab(row, rows, i, scratch(t)); });
    pool_.parallel_for(rows, [&](int64_t r, int) {
      run.combine(row, r);
      if (backward) run.logit_gradient(row, r);
    });
    if (!backward) continue;
    pool_.parallel_for(panel_count(run.width, run.strip),
                       [&](int64_t i, int t) { run.dhidden(row, rows, i * run.strip, scratch(t)); });
  }
}

void CpuOps::HeadRun::prepare() {
  for (const bool add : {false, true}) {
    for (const int64_t length : {std::min(k_chunk, width), width % k_chunk}) {
      if (length == 0) continue;
      ops.micro_->get(logits_shape(padded_columns(std::min(kPanel, vocab)), length, add));
      if (vocab % kPanel != 0) ops.micro_->get(logits_shape(padded_columns(vocab % kPanel), length, add));
    }
    if (!backward) continue;
    for (const int64_t length : {std::min(vocab_chunk(), vocab), vocab % vocab_chunk()}) {
      if (length != 0) ops.micro_->get(dhidden_shape(bf16() ? length + length % 2 : length, add));
    }
  }
}

// The slab's panels are packed once, then blocks of rows are taken through all of them.
void CpuOps::HeadRun::slab(int64_t row, int64_t rows, int64_t index, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panels = carver.take(packer.bytes(width, kSlab));
  std::byte* transpose = carver.take(packer.transpose_scratch(k_chunk));
  float* tile = carver.floats(kBlock * kSlab);
  const int64_t begin = index * kSlab, end = std::min(vocab, begin + kSlab);
  for (int64_t v = begin; v < end; v += kPanel) {
    const int64_t n = std::min(kPanel, end - v), padded = padded_columns(n);
    for (int64_t k0 = 0; k0 < width; k0 += k_chunk) {
      packer.transposed(call.head.w, v, n, padded, k0, std::min(k_chunk, width - k0), transpose,
                        panels + packer.bytes(width, v - begin) + packer.bytes(k0, padded), padded);
    }
  }
  const float* bias = call.head.bias ? call.head.bias.row<float>(0) + begin : nullptr;
  for (int64_t r0 = 0; r0 < rows; r0 += kBlock) {
    const int64_t count = std::min(kBlock, rows - r0);
    multiply(row + r0, count, begin, end, panels, tile);
    for (int64_t r = 0; r < count; ++r) {
      if (bias) ops.rows_.add[kF32][kF32](bias, tile + r * kSlab, end - begin);
      slab_row(row, r0 + r, index, tile + r * kSlab);
    }
  }
}

void CpuOps::HeadRun::multiply(int64_t row, int64_t rows, int64_t begin, int64_t end, const std::byte* panels,
                               float* tile) {
  const auto* x = static_cast<const std::byte*>(hidden.p) + row * hidden.ld * element();
  for (int64_t v = begin; v < end; v += kPanel) {
    const int64_t padded = padded_columns(std::min(kPanel, end - v));
    const std::byte* panel = panels + packer.bytes(width, v - begin);
    for (int64_t k0 = 0; k0 < width; k0 += k_chunk) {
      ops.micro_->at(logits_shape(padded, std::min(k_chunk, width - k0), k0 > 0))(
          rows, x + k0 * element(), panel + packer.bytes(k0, padded), tile + (v - begin));
    }
  }
}

void CpuOps::HeadRun::slab_row(int64_t row, int64_t r, int64_t index, const float* logits) {
  const int64_t begin = index * kSlab, n = std::min(vocab - begin, kSlab);
  alignas(64) float exponentials[kSlab];
  const float maximum = ops.rows_.max(logits, n);
  float* e = backward ? exponentials : nullptr;
  partial[index * chunk_rows + r] = {maximum, ops.rows_.exp_sum(logits, maximum, e, n)};
  const int64_t target = call.targets[size_t(row + r)] - begin;
  if (target >= 0 && target < n) target_logit[r] = logits[target];
  if (backward) ops.rows_.convert[kF32][bf16()](e, kept + (r * pitch + begin) * element(), n);
}

void CpuOps::HeadRun::combine(int64_t row, int64_t r) {
  float maximum = -std::numeric_limits<float>::infinity();
  for (int64_t s = 0; s < slabs; ++s) maximum = std::max(maximum, partial[s * chunk_rows + r].maximum);
  double sum = 0;
  for (int64_t s = 0; s < slabs; ++s) {
    const Partial& p = partial[s * chunk_rows + r];
    float factor = p.maximum - maximum;
    ops.rows_.exp(&factor, &factor, 1);
    sum += double(p.sum) * double(factor);
  }
  // log in double of a sum of at least 1: libm's error is far below f32's last bit.
  const double z = double(maximum) + std::log(sum);
  log_z[r] = float(z);
  call.logprob[size_t(row + r)] = float(double(target_logit[r]) - z);
}

// kept: exp(logit − slab maximum) → weight·(1[target] − p), in place; the target's own entry from its logit,
// unrounded.
void CpuOps::HeadRun::logit_gradient(int64_t row, int64_t r) {
  const float weight = call.weight[size_t(row + r)];
  std::byte* at = kept + r * pitch * element();
  alignas(64) float values[kSlab];
  const auto convert_out = ops.rows_.convert[kF32][bf16()];
  for (int64_t s = 0; s < slabs; ++s) {
    const int64_t begin = s * kSlab, n = std::min(vocab - begin, kSlab);
    float factor = partial[s * chunk_rows + r].maximum - log_z[r];
    ops.rows_.exp(&factor, &factor, 1);
    std::byte* slab_at = at + begin * element();
    ops.rows_.scale[bf16()][kF32](slab_at, -weight * factor, values, n);
    if (n % 2 != 0) values[n] = 0;  // completes the last pair of an odd vocabulary
    convert_out(values, slab_at, n + n % 2);
  }
  const int64_t target = call.targets[size_t(row + r)];
  float p = call.logprob[size_t(row + r)];
  ops.rows_.exp(&p, &p, 1);
  const float gradient = weight * (1 - p);
  convert_out(&gradient, at + target * element(), 1);
}

void CpuOps::HeadRun::dhidden(int64_t row, int64_t rows, int64_t col, std::byte* scratch) {
  Carver carver(scratch);
  std::byte* panel = carver.take(packer.bytes(vocab_chunk(), strip));
  std::byte* decoded = carver.take(packer.straight_scratch(strip));
  float* tile = carver.floats(chunk_rows * strip);
  const int64_t cols = std::min(strip, width - col);
  for (int64_t v = 0; v < vocab; v += vocab_chunk()) {
    const int64_t length = std::min(vocab_chunk(), vocab - v), even = length + length % 2;
    packer.straight(call.head.w, v, length, col, cols, strip, decoded, panel);
    ops.micro_->at(dhidden_shape(bf16() ? even : length, v > 0))(rows, kept + v * element(), panel, tile);
  }
  const Buf& out = call.dhidden;
  for (int64_t r = 0; r < rows; ++r) {
    auto* to = static_cast<std::byte*>(out.p) + ((row + r) * out.ld + col) * out.element_bytes();
    ops.rows_.convert[kF32][out.type == DType::bf16](tile + r * strip, to, cols);
  }
}

}  // namespace fettle
