// Ops on CPU cores: this class owns the threads and the scratch; each file beside it implements one group of
// operations.
//   linear.cpp  linear_dx.cpp  low_rank.cpp  head.cpp     loop nests around microkernels (kernel/gemm/)
//   rows.cpp  attention.cpp  attention_dots.cpp  optim.cpp  loops around the row kernels of the chosen ISA
//   (kernel/isa/)
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "base/plan.h"
#include "kernel/cpu_ops.h"
#include "kernel/gemm/panel_kernels.h"
#include "kernel/gemm/row_blocks.h"

namespace fettle {

struct RowKernels;   // kernel/isa/row_kernels.h
struct DecodeTable;  // quant/storage.h
class MicroKernels;  // kernel/gemm/microkernels.h

/// Memory that only grows: sized by the first call of a shape, constant afterwards.
class Scratch {
 public:
  /// At least `bytes`, 64-byte aligned; contents undefined.
  std::byte* get(int64_t bytes);
  int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  int64_t size_ = 0;
};

class CpuOps final : public Ops {
 public:
  explicit CpuOps(const CpuOptions& options);
  ~CpuOps() override;

  void linear(const BatchView&, Buf x, std::span<const Proj>, std::span<const Buf> y, std::span<const Buf> u,
              bool accumulate) override;
  void linear_dx(const BatchView&, std::span<const Buf> dy, std::span<const Proj>, std::span<const Buf> du,
                 Buf dx, bool add) override;
  void low_rank_grad(const BatchView&, Buf x, std::span<const Buf> u, std::span<const Buf> dy,
                     std::span<const Buf> du, std::span<const Proj>) override;
  void head(const HeadCall&) override;

  void embed(std::span<const int32_t> ids, const WeightView& table, float scale, Buf out) override;
  void rms_norm(Buf x, Buf w, float eps, Buf y) override;
  void rms_norm_backward(Buf x, Buf w, float eps, Buf dy, Buf dx, bool add, Buf dw) override;
  void rope(Buf x, int64_t head_dim, const RopeTable&, std::span<const int32_t> positions,
            bool inverse) override;
  void gated_act(Activation, Buf gate, Buf up, Buf out) override;
  void gated_act_backward(Activation, Buf gate, Buf up, Buf dout, Buf dgate, Buf dup) override;
  void copy(Buf from, Buf to) override;
  void add(Buf x, Buf y) override;
  void gather_rows(Buf x, std::span<const int32_t> rows, Buf out) override;
  void scatter_add_rows(Buf dout, std::span<const int32_t> rows, Buf dx) override;

  void store_kv(const BatchView&, Buf k, Buf v, const KvView&) override;
  void attention(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o, Buf lse) override;
  void attention_backward(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o, Buf lse,
                          Buf dout, Buf dq, Buf dk, Buf dv) override;

  void adamw(std::span<float> param, std::span<float> grad, std::span<float> m, std::span<float> v,
             const AdamW&) override;
  double sum_squares(std::span<const float> x) override;

  const char* isa() const override { return row(options_.isa).name; }
  int threads() const override { return pool_.threads(); }
  int64_t scratch_bytes() const override;

  /// Which microkernels run, and why where it is not libxsmm.
  const std::string& microkernels() const override;
  /// Counters for tests.
  const MicroKernels& micro() const { return *micro_; }

 private:
  struct LinearCall;  // linear.cpp, linear_dx.cpp, low_rank.cpp, head.cpp: the state of one call
  struct LinearDxCall;
  struct LowRankCall;
  struct HeadRun;

  /// attention_dots.cpp: attention where all operands are bf16 and the set multiplies it.
  bool multiplies_halves(std::initializer_list<Buf> operands) const;
  void attention_dots(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o, Buf lse);
  void attention_backward_dots(const BatchView&, const AttentionSpec&, Buf q, const KvView&, Buf o, Buf lse,
                               Buf dout, Buf dq, Buf dk, Buf dv);

  /// Every thread's scratch, before a parallel region: so that which thread works first allocates nothing.
  void reserve_thread_scratch(int64_t bytes);
  /// Whether microkernels take x as it lies: f32, or bf16 in pairs where the set multiplies bf16.
  static bool fits(const Buf& x, bool bf16) { return bf16 ? x.ld % 2 == 0 : x.type == DType::f32; }
  /// Bytes of a copy of x that they take; 0 where x fits.
  static int64_t operand_bytes(const Buf& x, bool bf16) {
    return fits(x, bf16) ? 0 : round_up(round_up(x.rows, 16) * x.cols * (bf16 ? 2 : 4), 64);
  }
  /// x, or its copy at `to`.
  Buf operand(const Buf& x, bool bf16, std::byte* to);

  CpuOptions options_;
  ThreadPool pool_;
  const RowKernels& rows_;
  const PanelKernels& panels_;
  const DecodeTable& decode_;
  std::unique_ptr<MicroKernels> micro_;
  std::vector<Scratch> thread_scratch_;  // [threads]
  Scratch shared_scratch_;
  RowBlocks blocks_;
  std::vector<Buf> operands_;             // of the call at hand, in the compute type
  std::vector<DropoutRow> dropout_rows_;  // of the batch at hand, where it drops
};

}  // namespace fettle
