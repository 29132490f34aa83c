#include "model/block/mlp.h"

#include "model/block/block_testing.h"

namespace fettle {
namespace {

using namespace testing;  // NOLINT: the test helpers of this room

constexpr int64_t kHidden = 48, kFfn = 80, kTokens = 24;

struct MlpCase {
  Activation activation = Activation::silu;
  int64_t ranks[3] = {3, 4, 2};  // of gate, up, down
  Recompute recompute = Recompute::none;
  bool frozen = false;  // gate and up
  bool post_norm = false;
};

class MlpRig {
 public:
  explicit MlpRig(const MlpCase& c)
      : spec_{.hidden = kHidden, .ffn = kFfn, .norm_eps = 1e-5f, .activation = c.activation},
        gate_(kFfn, kHidden, c.ranks[0], 10, c.frozen),
        up_(kFfn, kHidden, c.ranks[1], 20, c.frozen),
        down_(kHidden, kFfn, c.ranks[2], 30),
        post_norm_(kHidden, 52, c.post_norm) {
    norm_.random(2, 0.5f);
    in_.random(3, 1);
    dout_.random(4, 1);
    run_ = std::make_unique<BlockRun<MlpBlock>>(
        spec_,
        MlpBlock::Weights{.norm = norm_,
                          .gate_up = {gate_.proj(), up_.proj()},
                          .down = {down_.proj()},
                          .post_norm = post_norm_},
        BlockShape{.tokens = kTokens, .backward = true, .recompute = c.recompute}, kHidden);
    fill(run_->in(), in_);
    fill(run_->d(), dout_);
  }

  template <class T>
  Matrix<T> reference(const Matrix<T>& in, const Param* along = nullptr) const {
    const ref::Mlp<T> block{.kind = spec_.activation,
                            .norm_eps = double(spec_.norm_eps),
                            .norm = norm_.matrix<T>(),
                            .gate = gate_.reference<T>(along),
                            .up = up_.reference<T>(along),
                            .down = down_.reference<T>(along),
                            .post_norm = post_norm_.matrix<T>()};
    return block(in);
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
    for (const TestProj* proj : {&gate_, &up_, &down_})
      for (Param* p : proj->params())
        expect_slope(p->direction, p->grad.matrix(),
                     slope_of(reference(in_.matrix<DualD>(), p), dout_.matrix()), "parameter");
  }
  std::vector<uint32_t> gradient_bits() {
    run_->forward();
    run_->backward(true);
    std::vector<uint32_t> bits;
    for (double x : matrix_of(run_->d()).data) bits.push_back(std::bit_cast<uint32_t>(float(x)));
    for (const TestProj* proj : {&gate_, &up_, &down_})
      for (Param* p : proj->params())
        for (uint32_t b : p->grad.bits()) bits.push_back(b);
    return bits;
  }

 private:
  MlpBlock::Spec spec_;
  TestProj gate_, up_, down_;
  TestNorm post_norm_;
  Tensor norm_{1, kHidden, DType::f32, kHidden}, in_{kTokens, kHidden, DType::f32, kHidden},
      dout_{kTokens, kHidden, DType::f32, kHidden};
  std::unique_ptr<BlockRun<MlpBlock>> run_;
};

TEST(MlpBlock, ForwardIsTheReference) {
  MlpRig({}).check_forward();
  MlpRig({.activation = Activation::gelu_tanh}).check_forward();
  MlpRig({.ranks = {0, 0, 0}}).check_forward();
  MlpRig({.activation = Activation::gelu_tanh, .post_norm = true}).check_forward();
}

TEST(MlpBlock, BackwardIsTheReferencesDerivative) {
  MlpRig({}).check_backward(true);
  MlpRig({.activation = Activation::gelu_tanh}).check_backward(true);
  MlpRig({.ranks = {0, 4, 0}}).check_backward(true);
  MlpRig({.ranks = {0, 0, 0}}).check_backward(true);
  MlpRig({.activation = Activation::gelu_tanh, .post_norm = true}).check_backward(true);
  MlpRig({.ranks = {0, 0, 0}, .post_norm = true}).check_backward(true);
}

TEST(MlpBlock, LowestTrainedBlockLeavesTheResidualGradientAlone) {
  MlpRig({}).check_backward(false);
  MlpRig({.ranks = {0, 0, 4}}).check_backward(false);
  MlpRig({.frozen = true}).check_backward(false);
  MlpRig({.post_norm = true}).check_backward(false);
}

TEST(MlpBlock, FrozenAdaptersPassGradientsOn) {
  MlpRig({.frozen = true}).check_backward(true);
}

TEST(MlpBlock, RecomputedStateHasEqualBits) {
  for (const bool post_norm : {false, true}) {
    const auto kept = MlpRig({.post_norm = post_norm}).gradient_bits();
    for (const Recompute level : {Recompute::mlp, Recompute::block})
      EXPECT_EQ(MlpRig({.recompute = level, .post_norm = post_norm}).gradient_bits(), kept);
  }
}

}  // namespace
}  // namespace fettle
