// For tests of blocks: a block with random weights on a ragged batch, held to ref/blocks.h, its backward to
// dual numbers.
#pragma once

#include <functional>
#include <memory>

#include "kernel/cpu/op_testing.h"
#include "model/block/block.h"
#include "model/ref/blocks.h"
#include "model/rope.h"

namespace fettle::testing {

using DualD = ref::Dual<double>;

/// An f32 matrix with a gradient beside it, and the direction along which the reference differentiates.
struct Param {
  Param(int64_t rows, int64_t cols, uint32_t stream, float range)
      : value(rows, cols, DType::f32, cols),
        grad(rows, cols, DType::f32, cols),
        direction(rows, cols, stream + 1000) {
    value.random(stream, range);
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t c = 0; c < cols; ++c) grad.set(r, c, 0);
  }
  Tensor value, grad;
  Direction direction;
};

/// A projection [out, in] with an adapter of rank r (0: none).
class TestProj {
 public:
  TestProj(int64_t out, int64_t in, int64_t rank, uint32_t stream, bool frozen = false, bool biased = false)
      : w_(Tensor(out, in, DType::f32, in).random(stream, 0.4f)), frozen_(frozen) {
    if (biased) bias_ = std::make_unique<Tensor>(Tensor(1, out, DType::f32).random(stream + 3, 0.6f));
    if (rank == 0) return;
    a_ = std::make_unique<Param>(rank, in, stream + 1, 0.5f);
    b_ = std::make_unique<Param>(out, rank, stream + 2, 0.5f);
    delta_ = {.A = a_->value,
              .B = b_->value,
              .scale = kScale,
              .dA = frozen ? Buf{} : Buf(a_->grad),
              .dB = frozen ? Buf{} : Buf(b_->grad)};
  }
  Proj proj() const {
    const Buf b = w_;
    return {.w = {.data = static_cast<const std::byte*>(b.p),
                  .type = DType::f32,
                  .rows = b.rows,
                  .cols = b.cols,
                  .row_bytes = b.cols * 4},
            .bias = bias_ ? Buf(*bias_) : Buf{},
            .deltas = a_ ? std::span<const LowRank>(&delta_, 1) : std::span<const LowRank>{}};
  }
  template <class T>
  ref::Linear<T> reference(const Param* along = nullptr) const {
    ref::Linear<T> out{.w = w_.matrix<T>()};
    if (a_) out.delta = {.A = matrix<T>(*a_, along), .B = matrix<T>(*b_, along), .scale = T(double(kScale))};
    if (bias_) out.bias = bias_->matrix<T>().data;
    return out;
  }
  std::vector<Param*> params() const {
    return a_ && !frozen_ ? std::vector{a_.get(), b_.get()} : std::vector<Param*>{};
  }

  /// The parameter, moved along its direction when it is the one that is asked about.
  template <class T>
  static Matrix<T> matrix(const Param& p, const Param* along) {
    if constexpr (std::is_same_v<T, DualD>) {
      if (&p == along) return p.direction.along(p.value.matrix());
    }
    return p.value.matrix<T>();
  }

 private:
  static constexpr float kScale = 0.75f;
  Tensor w_;
  bool frozen_;
  std::unique_ptr<Tensor> bias_;
  std::unique_ptr<Param> a_, b_;
  LowRank delta_;
};

/// A norm's weight around 1, or none.
class TestNorm {
 public:
  TestNorm(int64_t width, uint32_t stream, bool present) {
    if (!present) return;
    weight_ = std::make_unique<Tensor>(Tensor(1, width, DType::f32).random(stream, 0.5f));
    for (int64_t c = 0; c < width; ++c) weight_->set(0, c, 1 + weight_->get(0, c));
  }
  operator Buf() const { return weight_ ? Buf(*weight_) : Buf{}; }  // NOLINT: passed where a Buf is asked
  template <class T>
  Matrix<T> matrix() const {
    return weight_ ? weight_->matrix<T>() : Matrix<T>();
  }

 private:
  std::unique_ptr<Tensor> weight_;
};

/// Two sequences of 5 and 19 tokens in one row.
struct Ragged {
  std::vector<int32_t> ids = std::vector<int32_t>(24, 1), positions, cu = {0, 5, 24}, lengths = {5, 19};
  std::vector<int64_t> first_rows = {0, 5};
  std::vector<uint64_t> keys = {3, 4};
  std::vector<Segment> segments = {{0, 24, 0}};

  Ragged() {
    for (int i = 0; i < 24; ++i) positions.push_back(i < 5 ? i : i - 5);
  }
  BatchView view() const {
    return {.ids = ids, .positions = positions, .cu_seqlens = cu, .segments = segments, .sample_keys = keys};
  }
};

/// Runs a block forward (and backward from a random gradient) in f32 the way the network does.
template <Block B>
class BlockRun {
 public:
  static constexpr int64_t kTokens = 24;

  BlockRun(const typename B::Spec& spec, const typename B::Weights& weights, const BlockShape& shape,
           int64_t hidden, HeadIo* head = nullptr)
      : spec_(spec), weights_(weights), shape_(shape), head_(head), ops_(ops_for(choose_isa())) {
    in_ = booking_.book("in", kTokens, hidden, DType::f32);
    out_ = booking_.book("out", kTokens, hidden, DType::f32);
    d_ = booking_.book("d", kTokens, hidden, DType::f32);
    booked_ = B::plan(spec_, weights_, shape_, booking_, "block");
    arena_ = Arena(booking_.peak_bytes());
  }
  Buf in() const { return arena_.at(in_, kTokens); }
  Buf out() const { return arena_.at(out_, kTokens); }
  Buf d() const { return arena_.at(d_, kTokens); }

  void forward() { B::forward(context(), spec_, weights_, booked_, in(), out()); }
  void backward(bool need_dx) {
    if (shape_.recompute != Recompute::none) B::recompute(context(), spec_, weights_, booked_, in());
    B::backward(context(), spec_, weights_, booked_, in(), d(), need_dx);
  }
  BlockContext context() const {
    return {.ops = *ops_,
            .batch = batch_,
            .arena = arena_,
            .lengths = ragged_.lengths,
            .block_rows = ragged_.first_rows,
            .head = head_};
  }

 private:
  typename B::Spec spec_;
  typename B::Weights weights_;
  BlockShape shape_;
  HeadIo* head_;
  Ragged ragged_;
  BatchView batch_ = ragged_.view();
  std::unique_ptr<Ops> ops_;
  Booking booking_;
  Slot in_, out_, d_;
  typename B::Booked booked_;
  Arena arena_;
};

inline void fill(Buf to, const Tensor& from) {
  for (int64_t r = 0; r < to.rows; ++r)
    for (int64_t c = 0; c < to.cols; ++c) to.row<float>(r)[c] = from.get(r, c);
}

inline Matrix<double> matrix_of(Buf b) {
  Matrix<double> m(b.rows, b.cols);
  for (int64_t r = 0; r < b.rows; ++r)
    for (int64_t c = 0; c < b.cols; ++c) m(r, c) = b.row<float>(r)[c];
  return m;
}

/// |gradient·direction − slope| within 1e-5 of the sum's scale.
inline void expect_slope(const Direction& direction, const Matrix<double>& gradient, double slope,
                         const std::string& what) {
  double sum = 0, squares = 0;
  direction.project(gradient, sum, squares);
  EXPECT_GT(squares, 0) << what;
  EXPECT_NEAR(sum, slope, 1e-5 * std::sqrt(squares)) << what;
}

inline double largest_difference(const Matrix<double>& a, const Matrix<double>& b) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < b.data.size(); ++i) {
    worst = std::max(worst, std::abs(a.data[i] - b.data[i]));
    largest = std::max(largest, std::abs(b.data[i]));
  }
  return worst / largest;
}

}  // namespace fettle::testing
