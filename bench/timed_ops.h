// Ops that pass every call on and add up, by kind, the time it took and the useful arithmetic it did.
#pragma once

#include <array>

#include "kernel/ops.h"
#include "probe.h"

namespace fettle::bench {

enum class Kind {
  linear,
  linear_dx,
  low_rank_grad,
  attention,
  attention_backward,
  head,
  norm,
  rope,
  act,
  copy,
  adamw,
  count
};
constexpr std::array<const char*, size_t(Kind::count)> kKindNames = {
    "linear forward", "linear dx", "dA, dB", "attention forward", "attention backward", "head and loss",
    "norm",           "rope",      "gate",   "copy, gather",      "AdamW, clipping"};

struct Account {
  Seconds time;
  double flops = 0;
  int64_t calls = 0;
};

class TimedOps final : public Ops {
 public:
  explicit TimedOps(Ops& ops) : ops_(ops) {}
  std::array<Account, size_t(Kind::count)> accounts{};

  void linear(const BatchView& b, Buf x, std::span<const Proj> projs, std::span<const Buf> y,
              std::span<const Buf> u, bool accumulate) override {
    timed(Kind::linear, products(x.rows, projs, true), [&] { ops_.linear(b, x, projs, y, u, accumulate); });
  }
  void linear_dx(const BatchView& b, std::span<const Buf> dy, std::span<const Proj> projs,
                 std::span<const Buf> du, Buf dx, bool add) override {
    timed(Kind::linear_dx, products(dy[0].rows, projs, bool(dx)),
          [&] { ops_.linear_dx(b, dy, projs, du, dx, add); });
  }
  void low_rank_grad(const BatchView& b, Buf x, std::span<const Buf> u, std::span<const Buf> dy,
                     std::span<const Buf> du, std::span<const Proj> projs) override {
    timed(Kind::low_rank_grad, deltas(x.rows, projs, true),
          [&] { ops_.low_rank_grad(b, x, u, dy, du, projs); });
  }
  void attention(const BatchView& b, const AttentionSpec& spec, Buf q, const KvView& view, Buf o,
                 Buf lse) override {
    timed(Kind::attention, 2 * pairs(b, spec), [&] { ops_.attention(b, spec, q, view, o, lse); });
  }
  void attention_backward(const BatchView& b, const AttentionSpec& spec, Buf q, const KvView& view, Buf o,
                          Buf lse, Buf dout, Buf dq, Buf dk, Buf dv) override {
    timed(Kind::attention_backward, 5 * pairs(b, spec),
          [&] { ops_.attention_backward(b, spec, q, view, o, lse, dout, dq, dk, dv); });
  }
  void head(const HeadCall& call) override {
    const double one = 2.0 * double(call.hidden.rows) * double(call.head.w.rows) * double(call.head.w.cols);
    timed(Kind::head, call.weight.empty() ? one : 2 * one, [&] { ops_.head(call); });
  }
  void embed(std::span<const int32_t> ids, const WeightView& table, float scale, Buf out) override {
    timed(Kind::copy, 0, [&] { ops_.embed(ids, table, scale, out); });
  }
  void rms_norm(Buf x, Buf w, float eps, Buf y) override {
    timed(Kind::norm, 0, [&] { ops_.rms_norm(x, w, eps, y); });
  }
  void rms_norm_backward(Buf x, Buf w, float eps, Buf dy, Buf dx, bool add, Buf dw) override {
    timed(Kind::norm, 0, [&] { ops_.rms_norm_backward(x, w, eps, dy, dx, add, dw); });
  }
  void rope(Buf x, int64_t head_dim, const RopeTable& table, std::span<const int32_t> positions,
            bool inverse) override {
    timed(Kind::rope, 0, [&] { ops_.rope(x, head_dim, table, positions, inverse); });
  }
  void gated_act(Activation a, Buf gate, Buf up, Buf out) override {
    timed(Kind::act, 0, [&] { ops_.gated_act(a, gate, up, out); });
  }
  void gated_act_backward(Activation a, Buf gate, Buf up, Buf dout, Buf dgate, Buf dup) override {
    timed(Kind::act, 0, [&] { ops_.gated_act_backward(a, gate, up, dout, dgate, dup); });
  }
  void copy(Buf from, Buf to) override {
    timed(Kind::copy, 0, [&] { ops_.copy(from, to); });
  }
  void add(Buf x, Buf y) override {
    timed(Kind::copy, 0, [&] { ops_.add(x, y); });
  }
  void gather_rows(Buf x, std::span<const int32_t> rows, Buf out) override {
    timed(Kind::copy, 0, [&] { ops_.gather_rows(x, rows, out); });
  }
  void scatter_add_rows(Buf dout, std::span<const int32_t> rows, Buf dx) override {
    timed(Kind::copy, 0, [&] { ops_.scatter_add_rows(dout, rows, dx); });
  }
  void store_kv(const BatchView& b, Buf k, Buf v, const KvView& view) override {
    timed(Kind::copy, 0, [&] { ops_.store_kv(b, k, v, view); });
  }
  void adamw(std::span<float> param, std::span<float> grad, std::span<float> m, std::span<float> v,
             const AdamW& rule) override {
    timed(Kind::adamw, 0, [&] { ops_.adamw(param, grad, m, v, rule); });
  }
  double sum_squares(std::span<const float> x) override {
    double sum = 0;
    timed(Kind::adamw, 0, [&] { sum = ops_.sum_squares(x); });
    return sum;
  }
  const char* isa() const override { return ops_.isa(); }
  const std::string& microkernels() const override { return ops_.microkernels(); }
  int threads() const override { return ops_.threads(); }
  int64_t scratch_bytes() const override { return ops_.scratch_bytes(); }

 private:
  template <class Work>
  void timed(Kind kind, double flops, const Work& work) {
    const Seconds s = seconds_of(work);
    Account& a = accounts[size_t(kind)];
    a.time.wall += s.wall;
    a.time.processor += s.processor;
    a.flops += flops;
    ++a.calls;
  }
  // Of adapter 0, which all rows of the benchmark use. `both`: A's product and B's, else B's alone.
  static double deltas(int64_t rows, std::span<const Proj> projs, bool both) {
    double sum = 0;
    for (const Proj& p : projs)
      for (const LowRank& d : p.deltas.first(p.deltas.empty() ? 0 : 1))
        sum += 2.0 * double(rows) * double(d.A.rows) * double(p.w.rows + (both ? p.w.cols : 0));
    return sum;
  }
  static double products(int64_t rows, std::span<const Proj> projs, bool whole) {
    double sum = deltas(rows, projs, whole);
    for (const Proj& p : projs) sum += whole ? 2.0 * double(rows) * double(p.w.rows) * double(p.w.cols) : 0;
    return sum;
  }
  // One product over the visible (query, key) pairs of all heads.
  static double pairs(const BatchView& batch, const AttentionSpec& spec) {
    double sum = 0;
    for (int64_t s = 0; s < batch.sequences(); ++s) {
      const double n = double(batch.cu_seqlens[size_t(s) + 1] - batch.cu_seqlens[size_t(s)]);
      sum += n * (n + 1) / 2;
    }
    return 2 * sum * double(spec.heads * spec.head_dim);
  }

  Ops& ops_;
};

}  // namespace fettle::bench
