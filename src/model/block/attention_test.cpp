#include "model/block/attention.h"

#include "model/block/block_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

constexpr int64_t kHidden = 48, kTokens = 24;

struct AttentionCase {
  int64_t window = 0;
  int64_t ranks[4] = {3, 2, 4, 5};  // of q, k, v, o
  Recompute recompute = Recompute::none;
  bool frozen_qkv = false;
  bool biases = false, head_norms = false, post_norm = false;
};

// What families add to Llama's attention, one by one and together.
const std::vector<AttentionCase> kExtras = {
    {.biases = true},
    {.head_norms = true},
    {.post_norm = true},
    {.window = 4, .biases = true, .head_norms = true, .post_norm = true},
};

/// Attention with 4 heads over 2 K/V heads of 8.
class AttentionRig {
 public:
  explicit AttentionRig(const AttentionCase& c)
      : case_(c),
        spec_{.hidden = kHidden,
              .attention = {.heads = 4, .kv_heads = 2, .head_dim = 8, .scale = 0.4f, .window = c.window},
              .norm_eps = 1e-5f,
              .rope = &rope_.table()},
        q_(32, kHidden, c.ranks[0], 10, c.frozen_qkv, c.biases),
        k_(16, kHidden, c.ranks[1], 20, c.frozen_qkv, c.biases),
        v_(16, kHidden, c.ranks[2], 30, c.frozen_qkv, c.biases),
        o_(kHidden, 32, c.ranks[3], 40),
        q_norm_(8, 50, c.head_norms),
        k_norm_(8, 51, c.head_norms),
        post_norm_(kHidden, 52, c.post_norm) {
    rope_.cover(kTokens);
    norm_.random(2, 0.5f);
    in_.random(3, 1);
    dout_.random(4, 1);
    run_ = std::make_unique<BlockRun<AttentionBlock>>(
        spec_,
        AttentionBlock::Weights{.norm = norm_,
                                .qkv = {q_.proj(), k_.proj(), v_.proj()},
                                .qk_norm = {q_norm_, k_norm_},
                                .o = {o_.proj()},
                                .post_norm = post_norm_},
        BlockShape{.tokens = kTokens, .backward = true, .recompute = c.recompute}, kHidden);
    fill(run_->in(), in_);
    fill(run_->d(), dout_);
  }

  template <class T>
  Matrix<T> reference(const Matrix<T>& in, const Param* along = nullptr) const {
    Matrix<double> cos(kTokens, 4), sin(kTokens, 4);
    for (int64_t p = 0; p < kTokens; ++p)
      for (int64_t j = 0; j < 4; ++j) {
        cos(p, j) = std::cos(double(p) * std::pow(10000.0, -double(j) / 4));
        sin(p, j) = std::sin(double(p) * std::pow(10000.0, -double(j) / 4));
      }
    const ref::Attention<T> block{
        .spec = spec_.attention,
        .norm_eps = double(spec_.norm_eps),
        .cos = cos,
        .sin = sin,
        .norm = norm_.matrix<T>(),
        .qkv = {q_.reference<T>(along), k_.reference<T>(along), v_.reference<T>(along)},
        .o = o_.reference<T>(along),
        .qk_norm = {q_norm_.matrix<T>(), k_norm_.matrix<T>()},
        .post_norm = post_norm_.matrix<T>()};
    return block(in, ragged_.cu, ragged_.positions);
  }

  void check_forward() {
    run_->forward();
    EXPECT_LT(largest_difference(matrix_of(run_->out()), reference(in_.matrix())), 1e-5);
  }
  void check_backward(bool need_dx) {
    run_->forward();
    run_->backward(need_dx);
    if (need_dx) {
      const Direction direction(kTokens, kHidden, 77);
      expect_slope(direction, matrix_of(run_->d()),
                   slope_of(reference(direction.along(in_.matrix())), dout_.matrix()), "input");
    } else {
      EXPECT_EQ(matrix_of(run_->d()).data, dout_.matrix().data) << "d was touched";
    }
    for (const TestProj* proj : {&q_, &k_, &v_, &o_})
      for (Param* p : proj->params())
        expect_slope(p->direction, p->grad.matrix(),
                     slope_of(reference(in_.matrix<DualD>(), p), dout_.matrix()), "parameter");
  }
  /// Bits of the gradients of one step.
  std::vector<uint32_t> gradient_bits() {
    run_->forward();
    run_->backward(true);
    std::vector<uint32_t> bits;
    for (double x : matrix_of(run_->d()).data) bits.push_back(std::bit_cast<uint32_t>(float(x)));
    for (const TestProj* proj : {&q_, &k_, &v_, &o_})
      for (Param* p : proj->params())
        for (uint32_t b : p->grad.bits()) bits.push_back(b);
    return bits;
  }

 private:
  AttentionCase case_;
  RopeCache rope_{{.theta = 10000}, 8};
  AttentionBlock::Spec spec_;
  TestProj q_, k_, v_, o_;
  TestNorm q_norm_, k_norm_, post_norm_;
  Tensor norm_{1, kHidden, DType::f32, kHidden}, in_{kTokens, kHidden, DType::f32, kHidden},
      dout_{kTokens, kHidden, DType::f32, kHidden};
  Ragged ragged_;
  std::unique_ptr<BlockRun<AttentionBlock>> run_;
};

TEST(AttentionBlock, ForwardIsTheReference) {
  AttentionRig({}).check_forward();
  AttentionRig({.window = 4}).check_forward();
  AttentionRig({.ranks = {0, 0, 0, 0}}).check_forward();
  for (const AttentionCase& c : kExtras) AttentionRig(c).check_forward();
}

TEST(AttentionBlock, BackwardIsTheReferencesDerivative) {
  AttentionRig({}).check_backward(true);
  AttentionRig({.window = 4}).check_backward(true);
  AttentionRig({.ranks = {4, 0, 0, 0}}).check_backward(true);
  AttentionRig({.ranks = {0, 0, 0, 0}}).check_backward(true);  // nothing here is trained: only passes on
  for (const AttentionCase& c : kExtras) AttentionRig(c).check_backward(true);
}

TEST(AttentionBlock, LowestTrainedBlockLeavesTheResidualGradientAlone) {
  AttentionRig({}).check_backward(false);
  AttentionRig({.ranks = {0, 0, 0, 4}}).check_backward(false);
  AttentionRig({.frozen_qkv = true}).check_backward(false);
  for (const AttentionCase& c : kExtras) AttentionRig(c).check_backward(false);
}

TEST(AttentionBlock, FrozenAdaptersPassGradientsOn) {
  AttentionRig({.frozen_qkv = true}).check_backward(true);
}

TEST(AttentionBlock, RecomputedStateHasEqualBits) {
  std::vector<AttentionCase> cases = kExtras;
  cases.push_back({});
  for (AttentionCase c : cases) {
    const auto kept = AttentionRig(c).gradient_bits();
    for (const Recompute level : {Recompute::mlp, Recompute::block}) {
      c.recompute = level;
      EXPECT_EQ(AttentionRig(c).gradient_bits(), kept);
    }
  }
}

}  // namespace
}  // namespace fettle
