// A linear with everything it can have, run by the operations and by plain loops in double.
#pragma once

#include <cstring>
#include <utility>

#include "kernel/cpu/cpu_ops.h"
#include "kernel/cpu/op_testing.h"
#include "quant/block_testing.h"
#include "quant/storage.h"

namespace fettle::testing {

/// A weight of random bytes that decode to finite values, or of encoded random values.
class StoredWeight {
 public:
  StoredWeight(DType type, int64_t rows, int64_t cols, uint32_t stream)
      : bytes_(size_t(rows * row_bytes(type, cols))), values(rows, cols) {
    const StorageRow& row = storage(type);
    view = {bytes_.data(), type, rows, cols, row_bytes(type, cols)};
    Rng rng(13, Purpose::probe, 2, stream);
    std::vector<float> decoded(size_t(cols), 0.0f);
    for (int64_t r = 0; r < rows; ++r) {
      std::byte* at = bytes_.data() + r * view.row_bytes;
      if (row.encode) {
        for (float& x : decoded) x = (2 * rng.next_float() - 1) * 0.1f;
        row.encode(decoded.data(), cols, at);
      } else {
        random_blocks(rng, type, at);
      }
      row.decode_f32(at, cols, decoded.data());
      for (int64_t c = 0; c < cols; ++c) values(r, c) = double(decoded[size_t(c)]);
    }
  }

 private:
  // Any bytes are quants; the f16 scales must be sane numbers.
  void random_blocks(Rng& rng, DType type, std::byte* at) const {
    const f16_t scale = to_f16(1e-4f);
    for (int64_t i = 0; i < view.row_bytes; ++i) at[i] = std::byte(rng.next_u32() & 0xff);
    for (int64_t block = 0; block < view.row_bytes; block += info(type).block_bytes) {
      for (const int64_t field : half_fields(type)) std::memcpy(at + block + field, &scale, 2);
    }
  }
  std::vector<std::byte> bytes_;

 public:
  WeightView view;
  Matrix<double> values;
};

struct LinearSpec {
  Mode mode;
  DType storage = DType::bf16;
  std::vector<int64_t> lengths = {17};  // of the sequences
  int64_t in = 64;
  std::vector<int64_t> outs = {48};
  int64_t rank = 0;               // 0: no delta
  std::vector<Segment> segments;  // empty with a rank: adapter 0 everywhere
  int adapters = 1;
  float dropout = 0;
  bool bias = false, accumulate = false;
  int skipped_proj = -1;  // this projection has no delta in adapter 0
  int interleaved_head_dim = 0;
  int64_t gap =
      2;  // elements between rows of activations: an odd leading dimension makes bf16 operands be copied
};

/// The tensors of a spec, and what every operation should make of them.
class LinearCase {
 public:
  explicit LinearCase(LinearSpec s)
      : spec(std::move(s)), x(tokens_of(spec), spec.in, spec.mode.type, spec.in + spec.gap) {
    if (spec.rank > 0 && spec.segments.empty()) spec.segments = {{0, tokens(), 0}};
    x.random(1);
    for (size_t p = 0; p < spec.outs.size(); ++p) add_projection(p);
    int32_t at = 0;
    cu_seqlens.push_back(0);
    for (size_t s_index = 0; s_index < spec.lengths.size(); ++s_index) {
      for (int32_t i = 0; i < spec.lengths[s_index]; ++i) positions.push_back(i);
      cu_seqlens.push_back(at += int32_t(spec.lengths[s_index]));
      sample_keys.push_back(0x123456789abcull * (s_index + 1));
    }
    ids.assign(size_t(tokens()), 0);
    for (size_t p = 0; p < spec.outs.size(); ++p) {
      projs.push_back(
          {.w = weights[p].view, .bias = spec.bias ? Buf(biases[p]) : Buf{}, .deltas = std::span(deltas[p])});
    }
  }
  LinearCase(const LinearCase&) = delete;
  LinearCase& operator=(const LinearCase&) = delete;

  int64_t tokens() const { return x.rows(); }
  BatchView batch() const {
    return {.ids = ids,
            .positions = positions,
            .cu_seqlens = cu_seqlens,
            .segments = spec.segments,
            .sample_keys = sample_keys,
            .seed = 99,
            .step = 5,
            .training = spec.dropout > 0};
  }
  /// Row of the delta that serves row t of projection p, or null.
  const LowRank* delta(size_t p, int64_t t) const {
    for (const Segment& s : spec.segments)
      if (t >= s.begin && t < s.end && s.adapter >= 0 && !deltas[p].empty() && deltas[p][size_t(s.adapter)].A)
        return &deltas[p][size_t(s.adapter)];
    return nullptr;
  }
  /// What dropout multiplies element (t, c) of the delta's input by.
  double mask(const LowRank& d, int64_t t, int64_t c) const {
    if (spec.dropout == 0) return 1;
    size_t s = 0;
    while (t >= cu_seqlens[s + 1]) ++s;
    const Philox row =
        philox(99, uint32_t(sample_keys[s]), uint32_t(sample_keys[s] >> 32), 5, uint32_t(Purpose::dropout));
    const Philox drawn = philox(uint64_t(row.word[1]) << 32 | row.word[0], uint32_t(c / 64 * 8 + c % 8),
                                uint32_t(positions[size_t(t)]), d.stream, row.word[2]);
    const uint32_t bits = (drawn.word[c % 64 / 16] >> (c % 16 / 8 * 16)) & 0xffff;
    const double threshold = std::round(double(d.dropout) * 65536);
    return bits < threshold ? 0.0 : 65536 / (65536 - threshold);
  }

  LinearSpec spec;
  Tensor x;
  std::vector<StoredWeight> weights;
  std::vector<Tensor> biases;
  std::vector<Tensor> matrices;  // A, B, dA, dB of every delta
  std::vector<std::vector<LowRank>> deltas;
  std::vector<Proj> projs;
  std::vector<int32_t> ids, positions, cu_seqlens;
  std::vector<uint64_t> sample_keys;

 private:
  static int64_t tokens_of(const LinearSpec& s) {
    int64_t sum = 0;
    for (const int64_t n : s.lengths) sum += n;
    return sum;
  }
  void add_projection(size_t p) {
    weights.reserve(spec.outs.size());
    matrices.reserve(spec.outs.size() * size_t(spec.adapters) * 4);
    weights.emplace_back(spec.storage, spec.outs[p], spec.in, uint32_t(10 + p));
    if (spec.interleaved_head_dim != 0) unfold(weights.back());
    biases.emplace_back(1, spec.outs[p], DType::f32);
    biases.back().random(uint32_t(30 + p));
    deltas.emplace_back();
    for (int a = 0; spec.rank > 0 && a < spec.adapters; ++a) {
      LowRank d;
      const uint32_t stream = uint32_t(100 + 10 * p + size_t(a));
      if (!(int(p) == spec.skipped_proj && a == 0)) {
        const int64_t r = spec.rank + 2 * a;
        const auto matrix = [&](int64_t rows, int64_t cols, uint32_t key, float range) {
          matrices.emplace_back(rows, cols, DType::f32);
          return Buf(matrices.back().random(key, range));
        };
        d = {.A = matrix(r, spec.in, stream * 4, 0.1f),
             .B = matrix(spec.outs[p], r, stream * 4 + 1, 0.3f),
             .scale = 1.5f,
             .dA = matrix(r, spec.in, stream * 4 + 2, 1.0f),
             .dB = matrix(spec.outs[p], r, stream * 4 + 3, 1.0f),
             .dropout = spec.dropout,
             .stream = stream};
      }
      deltas[p].push_back(d);
    }
  }
  // Says that stored rows interleave the halves of each head: the values seen through row() move.
  void unfold(StoredWeight& w) const {
    w.view.interleaved_head_dim = spec.interleaved_head_dim;
    Matrix<double> seen = w.values;
    const int64_t d = spec.interleaved_head_dim;
    for (int64_t r = 0; r < seen.rows; ++r) {
      const int64_t in = r % d, stored = r / d * d + (in < d / 2 ? 2 * in : 2 * (in - d / 2) + 1);
      for (int64_t c = 0; c < seen.cols; ++c) seen(r, c) = w.values(stored, c);
    }
    w.values = seen;
  }
};

/// A result in double with what bounds its error: the sum of the magnitudes that went into each element.
struct Expected {
  Matrix<double> value, magnitude;
  Expected(int64_t rows, int64_t cols) : value(rows, cols), magnitude(rows, cols) {}
  void add(int64_t r, int64_t c, double term) {
    value(r, c) += term;
    magnitude(r, c) += std::abs(term);
  }
};

inline double at(const Buf& b, int64_t r, int64_t c) {
  return b.type == DType::f32 ? double(b.row<float>(r)[c]) : double(to_float(b.row<bf16_t>(r)[c]));
}

/// Worst case of rounding: f32 sums err by 1e-5 of the magnitude at most (set by the issue); in bf16 every
/// operand of a product is rounded (2^-8 each; a low-rank term has three: A, B and x·A) and the result once.
/// That bound cannot see small mistakes, so the root mean square is held too: independent roundings add as
/// squares.
inline void expect_within(const Buf& actual, const Expected& e, DType compute, const std::string& what) {
  const double half_ulp = actual.type == DType::bf16 ? 0x1p-8 : 0;
  const double inner = compute == DType::bf16 ? 3 * 0x1p-8 : 1e-5;
  double squares = 0, magnitudes = 0, values = 0;
  for (int64_t r = 0; r < e.value.rows; ++r)
    for (int64_t c = 0; c < e.value.cols; ++c) {
      const double error = std::abs(at(actual, r, c) - e.value(r, c));
      ASSERT_LE(error, half_ulp * std::abs(e.value(r, c)) * 1.01 + inner * e.magnitude(r, c) + 1e-30)
          << what << " at (" << r << ", " << c << "): " << at(actual, r, c) << " for " << e.value(r, c);
      squares += error * error;
      magnitudes += e.magnitude(r, c) * e.magnitude(r, c);
      values += e.value(r, c) * e.value(r, c);
    }
  const double count = double(std::max<int64_t>(1, e.value.rows * e.value.cols));
  const double rms = std::sqrt(squares / count);
  ASSERT_LE(rms, half_ulp / 2 * std::sqrt(values / count) + inner / 8 * std::sqrt(magnitudes / count))
      << what << " (rms)";
}

/// A tensor per projection, [tokens, out] or [tokens, largest rank].
inline std::vector<Tensor> tensors(const LinearCase& c, DType type, uint32_t stream, bool ranks) {
  std::vector<Tensor> out;
  out.reserve(c.projs.size());
  for (size_t p = 0; p < c.projs.size(); ++p) {
    int64_t cols = c.spec.outs[p];
    if (ranks) cols = c.spec.rank + 2 * (c.spec.adapters - 1);
    out.emplace_back(c.tokens(), cols, type, cols + c.spec.gap);
    out.back().random(stream + uint32_t(p));
  }
  return out;
}

inline std::vector<Buf> bufs(std::vector<Tensor>& tensors) {
  return {tensors.begin(), tensors.end()};
}

struct Forward {
  std::vector<Tensor> y, u;
};

inline Forward forward(const LinearCase& c, Ops& ops, DType y_type) {
  Forward f{tensors(c, y_type, 50, false), {}};
  if (c.spec.rank > 0) f.u = tensors(c, c.spec.mode.type, 60, true);
  ops.linear(c.batch(), c.x, c.projs, bufs(f.y), bufs(f.u), c.spec.accumulate);
  return f;
}

struct Backward {
  std::vector<Tensor> du;
  Tensor dx;
};

inline Backward backward(const LinearCase& c, Ops& ops, std::vector<Tensor>& dy, bool add, DType dx_type) {
  Backward b{{}, Tensor(c.tokens(), c.spec.in, dx_type)};
  b.dx.random(70);
  if (c.spec.rank > 0) b.du = tensors(c, c.spec.mode.type, 60, true);
  ops.linear_dx(c.batch(), bufs(dy), c.projs, bufs(b.du), b.dx, add);
  return b;
}

}  // namespace fettle::testing
