// Whole-batch operations: what blocks are written in. CpuOps (kernel/cpu/) implements them today, a device
// may later.
//
// Rules that hold for every operation, and that tests hold every implementation to:
//  * Activations are row-major [tokens, width] in the compute type (f32 or bf16); sums are f32 at least. Norm
//  weights,
//    biases, adapters, gradients of parameters, log-sum-exps are f32.
//  * A row's result never depends on which other rows share the batch or where it stands among them: packed =
//  unpacked.
//  * A contraction is never split by thread, and every sum has one owner and ascending order: any number of
//  threads
//    gives equal bits.
//  * Gradients of parameters add. Gradients of activations overwrite unless `add` says otherwise.
//  * Rows between `rows` and the next multiple of 16 may be read and written (buffers are booked so), never
//  counted.
//  * noexcept in spirit: after the first call of a shape nothing is allocated and nothing throws.
#pragma once

#include <span>
#include <string>

#include "base/buf.h"
#include "quant/weight.h"

namespace fettle {

/// Rows [begin, end) use the adapter with this index; -1: the base model alone.
struct Segment {
  int64_t begin = 0, end = 0;
  int32_t adapter = -1;
};

/// One packed row of sequences, as kernels see it. Never padded.
struct BatchView {
  std::span<const int32_t> ids;         // [tokens]
  std::span<const int32_t> positions;   // [tokens]; restart in every sequence (a cached prefix shifts them)
  std::span<const int32_t> cu_seqlens;  // [sequences + 1] first row of each sequence, then tokens
  std::span<const Segment> segments;    // cover [0, tokens) in order; empty: base alone
  std::span<const uint64_t>
      sample_keys;  // [sequences] identity of each sample: keys dropout, with its own positions
  uint64_t seed = 0;
  uint32_t step = 0;
  bool training = false;  // dropout happens

  int64_t tokens() const { return int64_t(ids.size()); }
  int64_t sequences() const { return int64_t(cu_seqlens.size()) - 1; }
};

/// Keys and values of every sequence, in blocks of rows: position p of sequence s lies in row
///   block_rows[s · blocks_per_sequence + p / block_tokens] + p % block_tokens
/// of k and v. Training: one block per sequence that starts at its first row of the batch.
struct KvView {
  Buf k, v;                             // [rows, kv_heads · head_dim]
  std::span<const int32_t> lengths;     // [sequences] keys, this batch's included
  std::span<const int64_t> block_rows;  // [sequences · blocks_per_sequence]
  int64_t blocks_per_sequence = 1;
  int64_t block_tokens = int64_t(1) << 40;

  int64_t row(int64_t sequence, int64_t position) const {
    return block_rows[size_t(sequence * blocks_per_sequence + position / block_tokens)] +
           position % block_tokens;
  }
};

/// ΔW = scale · B·A of one linear in one adapter.
struct LowRank {
  Buf A;                // [r, in] f32; empty: this adapter leaves this linear alone
  Buf B;                // [out, r] f32
  float scale = 0;      // alpha / r, or alpha / sqrt(r)
  Buf dA, dB;           // gradients, f32, added to; empty: frozen
  float dropout = 0;    // of the delta's input
  uint32_t stream = 0;  // identity of this linear among the adapter's: keys its dropout
};

/// One projection: y = x·Wᵀ + bias + scale·drop(x)·Aᵀ·Bᵀ.
struct Proj {
  WeightView w;                     // [out, in]
  Buf bias;                         // [1, out] f32, may be empty
  std::span<const LowRank> deltas;  // by adapter index of the segment
};

/// cos and sin of every position and frequency, f32 [max_positions, rotary_dim / 2].
struct RopeTable {
  Buf cos, sin;
};

struct AttentionSpec {
  int64_t heads = 0, kv_heads = 0, head_dim = 0;
  float scale = 0;
  int64_t window = 0;  // a query sees this many last keys, itself included; 0: all before it
};

enum class Activation : uint8_t { silu, gelu_tanh };

/// Head and loss in one call over supervised rows, in chunks: [n, vocab] never exists.
struct HeadCall {
  Buf hidden;                        // [n, hidden] after the final norm, only supervised rows
  Proj head;                         // [vocab, hidden]
  std::span<const int32_t> targets;  // [n]
  std::span<float> logprob;          // [n] out: log p(target)
  std::span<const float> weight;     // [n] dLoss/dlogprob; empty: forward only
  Buf dhidden;                       // [n, hidden] out; empty: forward only
};

/// One AdamW step over a flat span (torch.optim.AdamW: decoupled decay, bias-corrected); clears the gradient
/// in the same pass. Doubles, because 1 -
/// beta2 of a beta2 rounded to f32 is wrong in its fifth digit.
struct AdamW {
  double lr = 0, beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  int64_t step = 1;      // 1 for the first update
  float grad_scale = 1;  // multiplies the gradient first: clipping
};

class Ops {
 public:
  virtual ~Ops() = default;

  // ── linear ──
  /// y[i] (= | += with accumulate) x·Wᵢᵀ + biasᵢ + deltaᵢ, all projections of one input. u[i] [tokens, r]
  /// receives drop(x)·Aᵢᵀ (compute type; rows of segments without a delta are zero); an empty span or Buf:
  /// not wanted back. accumulate: y is the residual stream; the sum is rounded once. y may be f32 where x is
  /// bf16 (logits).
  virtual void linear(const BatchView&, Buf x, std::span<const Proj>, std::span<const Buf> y,
                      std::span<const Buf> u, bool accumulate) = 0;
  /// dx (= | += with add) Σᵢ dy[i]·Wᵢ + drop(duᵢ·Aᵢ); du[i] [tokens, r] receives scaleᵢ·dy[i]·Bᵢ. dx may be
  /// f32 where dy is bf16. dx empty: only du.
  virtual void linear_dx(const BatchView&, std::span<const Buf> dy, std::span<const Proj>,
                         std::span<const Buf> du, Buf dx, bool add) = 0;
  /// dAᵢ += du[i]ᵀ·drop(x), dBᵢ += scaleᵢ·dy[i]ᵀ·u[i], for every delta that has gradients.
  virtual void low_rank_grad(const BatchView&, Buf x, std::span<const Buf> u, std::span<const Buf> dy,
                             std::span<const Buf> du, std::span<const Proj>) = 0;

  // ── rows ──
  /// out[t] = scale · W[ids[t]].
  virtual void embed(std::span<const int32_t> ids, const WeightView& table, float scale, Buf out) = 0;
  /// y = x / sqrt(mean(x²) + eps) · w; w [1, width] f32. f32 inside, one rounding. Rows of heads are normed
  /// as rows of a narrower matrix.
  virtual void rms_norm(Buf x, Buf w, float eps, Buf y) = 0;
  /// dx (= | += with add) from dy; statistics are recomputed from x. dw (f32, may be empty) adds. dx f32 or
  /// compute type; it may be dy itself.
  virtual void rms_norm_backward(Buf x, Buf w, float eps, Buf dy, Buf dx, bool add, Buf dw) = 0;
  /// Rotates the pairs (j, j + R/2) of every head's first R = 2·table width elements in place. inverse: the
  /// backward.
  virtual void rope(Buf x, int64_t head_dim, const RopeTable&, std::span<const int32_t> positions,
                    bool inverse) = 0;
  /// out = act(gate) ⊙ up.
  virtual void gated_act(Activation, Buf gate, Buf up, Buf out) = 0;
  virtual void gated_act_backward(Activation, Buf gate, Buf up, Buf dout, Buf dgate, Buf dup) = 0;
  /// to = from, converting between f32 and bf16.
  virtual void copy(Buf from, Buf to) = 0;
  /// y += x, rounded once.
  virtual void add(Buf x, Buf y) = 0;
  /// out[i] = x[rows[i]];  and its backward: dx[rows[i]] += dout[i] (rows are distinct).
  virtual void gather_rows(Buf x, std::span<const int32_t> rows, Buf out) = 0;
  virtual void scatter_add_rows(Buf dout, std::span<const int32_t> rows, Buf dx) = 0;

  // ── attention ──
  /// Writes this batch's k and v rows [tokens, kv_heads·head_dim] to their places in the view.
  virtual void store_kv(const BatchView&, Buf k, Buf v, const KvView&) = 0;
  /// o = softmax(scale·q·kᵀ + causal mask)·v per head; tiled, online softmax in f32. Queries are the last
  /// rows of each sequence's keys. lse [tokens, heads] f32 (may be empty) receives log Σ exp.
  virtual void attention(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o, Buf lse) = 0;
  /// Overwrites dq, dk, dv (compute type, like q, k, v of a training batch whose view is one block per
  /// sequence).
  virtual void attention_backward(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o,
                                  Buf lse, Buf dout, Buf dq, Buf dk, Buf dv) = 0;

  // ── head, optimizer ──
  virtual void head(const HeadCall&) = 0;
  virtual void adamw(std::span<float> param, std::span<float> grad, std::span<float> m, std::span<float> v,
                     const AdamW&) = 0;
  /// Σ x², in double, in an order that does not depend on threads.
  virtual double sum_squares(std::span<const float> x) = 0;

  // ── what it is ──
  virtual const char* isa() const = 0;
  /// Where the matrix products come from, and why: "libxsmm, generated for …".
  virtual const std::string& microkernels() const = 0;
  virtual int threads() const = 0;
  /// Scratch it keeps for itself, bytes so far: plan() reports it, tests hold it constant after the first
  /// step.
  virtual int64_t scratch_bytes() const = 0;
};

}  // namespace fettle
