#include "model/block/head.h"

#include <numeric>

#include "model/block/block_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

constexpr int64_t kHidden = 48, kVocab = 70, kTokens = 24;

std::vector<int32_t> all_rows() {
  std::vector<int32_t> rows(kTokens);
  std::iota(rows.begin(), rows.end(), 0);
  return rows;
}

class HeadRig {
 public:
  explicit HeadRig(bool one_pass) : head_(kVocab, kHidden, 0, 10) {
    tokens_[3] = kVocab - 1;
    for (size_t i = 0; i < kTokens; ++i) weight_[i] = 0.25f * float(int(i % 5) - 3);
    norm_.random(2, 1);
    in_.random(3, 1);
    io_ = {.tokens = tokens_, .logprob = logprob_, .one_pass = one_pass};
    run_ =
        std::make_unique<BlockRun<HeadBlock>>(spec_, HeadBlock::Weights{.norm = norm_, .head = head_.proj()},
                                              BlockShape{.tokens = kTokens, .backward = true}, kHidden, &io_);
    fill(run_->in(), in_);
  }

  template <class T>
  std::vector<T> reference(const Matrix<T>& in) const {
    const ref::Head<T> head{
        .norm_eps = double(spec_.norm_eps), .norm = norm_.matrix<T>(), .w = head_.reference<T>().w};
    return head(in, rows_, tokens_);
  }
  void check_logprobs() const {
    const auto expected = reference(in_.matrix());
    for (size_t i = 0; i < expected.size(); ++i)
      EXPECT_NEAR(logprob_[i], expected[i], 1e-5 * std::abs(expected[i])) << i;
  }
  void forward() { run_->forward(); }
  /// The residual's gradient against the derivative of Σ weight·log p.
  void check_backward() {
    io_.weight = weight_;
    for (int64_t r = 0; r < kTokens; ++r) std::fill_n(run_->d().row<float>(r), kHidden, 3.0f);
    run_->backward(true);
    const Direction direction(kTokens, kHidden, 9);
    const auto out = reference(direction.along(in_.matrix()));
    double slope = 0;
    for (size_t i = 0; i < out.size(); ++i) slope += out[i].slope * double(weight_[i]);
    expect_slope(direction, matrix_of(run_->d()), slope, "residual");
  }
  Matrix<double> logits() const {
    Tensor out(kTokens, kVocab, DType::f32, kVocab);
    Booking book;
    const BlockContext ctx = run_->context();
    HeadBlock::Booked booked = HeadBlock::plan(spec_, {}, {.tokens = kTokens}, book, "logits");
    const Arena arena(book.peak_bytes());
    HeadBlock::logits({.ops = ctx.ops, .batch = ctx.batch, .arena = arena}, spec_,
                      {.norm = norm_, .head = head_.proj()}, booked, run_->in(), out);
    return out.matrix();
  }
  Matrix<double> reference_logits() const {
    return ref::Head<double>{
        .norm_eps = double(spec_.norm_eps), .norm = norm_.matrix(), .w = head_.reference<double>().w}
        .logits(in_.matrix());
  }
  std::vector<float>& logprob() { return logprob_; }

 private:
  HeadBlock::Spec spec_{.hidden = kHidden, .norm_eps = 1e-5f};
  TestProj head_;
  Tensor norm_{1, kHidden, DType::f32, kHidden}, in_{kTokens, kHidden, DType::f32, kHidden};
  std::vector<int32_t> rows_ = all_rows(), tokens_ = all_rows();
  std::vector<float> logprob_ = std::vector<float>(kTokens, 1.0f), weight_ = std::vector<float>(kTokens);
  HeadIo io_;
  std::unique_ptr<BlockRun<HeadBlock>> run_;
};

TEST(HeadBlock, LogProbabilitiesThenWeights) {
  HeadRig rig(false);
  rig.forward();
  rig.check_logprobs();
  rig.check_backward();
}

TEST(HeadBlock, OnePassGivesTheSame) {
  HeadRig rig(true);
  rig.forward();
  EXPECT_EQ(rig.logprob()[0], 1.0f) << "one pass leaves log-probabilities to the backward";
  rig.check_backward();
  rig.check_logprobs();
}

TEST(HeadBlock, LogitsOfAllRows) {
  const HeadRig rig(false);
  const Matrix<double> logits = rig.logits(), expected = rig.reference_logits();
  for (size_t i = 0; i < expected.data.size(); ++i) EXPECT_NEAR(logits.data[i], expected.data[i], 1e-4);
}

}  // namespace
}  // namespace fettle
