#include "model/block/head.h"

#include "model/block/block_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

constexpr int64_t kHidden = 48, kVocab = 70, kTokens = 24;

class HeadRig {
 public:
  explicit HeadRig(bool one_pass) : head_(kVocab, kHidden, 0, 10) {
    norm_.random(2, 1);
    in_.random(3, 1);
    io_ = {.rows = rows_, .tokens = tokens_, .logprob = logprob_, .one_pass = one_pass};
    run_ = std::make_unique<BlockRun<HeadBlock>>(
        spec_, HeadBlock::Weights{.norm = norm_, .head = head_.proj()},
        BlockShape{.tokens = kTokens, .targets = 5, .backward = true}, kHidden, &io_);
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
    for (int64_t r = 0; r < kTokens; ++r) std::fill_n(run_->d().row<float>(r), kHidden, 0.0f);
    run_->backward(true);
    const Direction direction(kTokens, kHidden, 9);
    const auto out = reference(direction.along(in_.matrix()));
    double slope = 0;
    for (size_t i = 0; i < out.size(); ++i) slope += out[i].slope * double(weight_[i]);
    expect_slope(direction, matrix_of(run_->d()), slope, "residual");
    for (int64_t r = 0; r < kTokens; ++r)
      if (std::ranges::find(rows_, int32_t(r)) == rows_.end()) {
        EXPECT_TRUE(std::all_of(run_->d().row<float>(r), run_->d().row<float>(r) + kHidden, [](float x) {
          return x == 0;
        })) << r;
      }
  }
  Matrix<double> logits(std::span<const int32_t> rows) const {
    Tensor out(int64_t(rows.size()), kVocab, DType::f32, kVocab);
    Booking book;
    const BlockContext ctx = run_->context();
    HeadBlock::Booked booked = HeadBlock::plan(spec_, {}, {.targets = 5}, book, "logits");
    const Arena arena(book.peak_bytes());
    HeadBlock::logits({.ops = ctx.ops, .batch = ctx.batch, .arena = arena}, spec_,
                      {.norm = norm_, .head = head_.proj()}, booked, run_->in(), rows, out);
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
  std::vector<int32_t> rows_ = {0, 3, 7, 8, 22}, tokens_ = {5, 69, 0, 31, 5};
  std::vector<float> logprob_ = std::vector<float>(5, 1.0f), weight_ = {-0.5f, 0.25f, -1, 0.125f, -2};
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

TEST(HeadBlock, LogitsOfAnyRows) {
  const HeadRig rig(false);
  const std::vector<int32_t> rows = {23, 0, 11};
  const Matrix<double> logits = rig.logits(rows), all = rig.reference_logits();
  for (size_t i = 0; i < rows.size(); ++i)
    for (int64_t c = 0; c < kVocab; ++c) EXPECT_NEAR(logits(int64_t(i), c), all(rows[i], c), 1e-4);
}

}  // namespace
}  // namespace fettle
