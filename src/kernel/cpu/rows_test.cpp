#include <gtest/gtest.h>

#include "base/error.h"
#include "kernel/cpu/linear_testing.h"
#include "kernel/cpu/op_testing.h"
#include "quant/storage.h"

namespace fettle::testing {
namespace {

constexpr float kEps = 1e-5f;
constexpr double kGradientError = 1e-5;  // of the norm of dx ∘ direction, in f32

// Runs `op` with 1, 2 and 5 threads and demands the bits of the first run.
template <class Op>
void expect_thread_independent(Isa isa, const Op& op) {
  const std::vector<uint32_t> one = op(*ops_for(isa, 1));
  for (const int threads : {2, 5}) EXPECT_EQ(op(*ops_for(isa, threads)), one) << threads << " threads";
}

TEST(Embed, RowsOfTheTableScaledInEveryStorageType) {
  constexpr int64_t kVocab = 11, kWidth = 512;
  const std::vector<int32_t> ids = {3, 0, 10, 3, 7};
  for (const StorageRow& storage : storage_rows()) {
    SCOPED_TRACE(name(storage.type));
    const StoredWeight table(storage.type, kVocab, kWidth, 1);
    for_each_mode([&](const Mode& mode) {
      Tensor out(5, kWidth, mode.type);
      ops_for(mode.isa)->embed(ids, table.view, 2.5f, out);
      expect_close(out, ref::embed(ids, table.values, 2.5), "embed", 1e-7);
    });
  }
}

TEST(Embed, AnIdOutsideTheTableIsABrokenPromise) {
  const std::vector<float> values(32);
  const WeightView table{reinterpret_cast<const std::byte*>(values.data()), DType::f32, 2, 16, 64};
  Tensor out(1, 16, DType::f32);
  const auto ops = ops_for(Isa::generic);
  EXPECT_THROW(ops->embed(std::vector<int32_t>{2}, table, 1, out), InvariantError);
  EXPECT_THROW(ops->embed(std::vector<int32_t>{-1}, table, 1, out), InvariantError);
}

TEST(RmsNorm, Forward) {
  for_each_mode([](const Mode& mode) {
    for (const int64_t width : {1, 7, 16, 100, 576}) {
      const Tensor x = Tensor(33, width, mode.type).random(1, 4),
                   w = Tensor(1, width, DType::f32).random(2, 2);
      for (const DType out : {DType::f32, mode.type}) {
        Tensor y(33, width, out);
        ops_for(mode.isa)->rms_norm(x, w, kEps, y);
        expect_close(y, ref::rms_norm(x.matrix(), w.matrix(), kEps), "y");
      }
    }
  });
}

TEST(RmsNorm, EpsCounts) {
  Tensor x(1, 16, DType::f32), w(1, 16, DType::f32), y(1, 16, DType::f32);
  for (int64_t c = 0; c < 16; ++c) x.set(0, c, 1e-3f), w.set(0, c, 1);
  ops_for(Isa::generic)->rms_norm(x, w, 3e-6f, y);
  EXPECT_NEAR(y.get(0, 5), 0.5, 1e-6);
}

TEST(RmsNorm, BackwardAgreesWithTheDerivative) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    for (const int64_t width : {1, 19, 96}) {
      const Tensor x = Tensor(37, width, DType::f32).random(1, 3),
                   w = Tensor(1, width, DType::f32).random(2, 2),
                   dy = Tensor(37, width, DType::f32).random(3);
      Tensor dx(37, width, DType::f32), dw(1, width, DType::f32);
      for (int64_t c = 0; c < width; ++c) dw.set(0, c, 0);
      ops_for(isa.isa)->rms_norm_backward(x, w, kEps, dy, dx, false, dw);
      for (uint32_t draw = 0; draw < 4; ++draw) {
        const Direction to_x(37, width, 10 + draw), to_w(1, width, 20 + draw);
        double sum = 0, squares = 0;
        to_x.project(dx.matrix(), sum, squares);
        to_w.project(dw.matrix(), sum, squares);
        const double exact =
            slope_of(ref::rms_norm(to_x.along(x.matrix()), to_w.along(w.matrix()), kEps), dy.matrix());
        EXPECT_NEAR(sum, exact, kGradientError * std::sqrt(squares));
      }
    }
  }
}

TEST(RmsNorm, BackwardOfEveryMixtureOfTypesAddsAndOverwrites) {
  for_each_mode([](const Mode& mode) {
    constexpr int64_t kRows = 21, kWidth = 70;
    for (const DType type_of_dy : {DType::f32, DType::bf16})
      for (const DType type_of_dx : {DType::f32, DType::bf16}) {
        const Tensor x = Tensor(kRows, kWidth, mode.type).random(1),
                     w = Tensor(1, kWidth, DType::f32).random(2),
                     dy = Tensor(kRows, kWidth, type_of_dy).random(3);
        const Tensor before = Tensor(kRows, kWidth, type_of_dx).random(4),
                     dw_before = Tensor(1, kWidth, DType::f32).random(5);
        // The f32 result, itself held to the derivative above, is what all others round.
        Tensor wide(kRows, kWidth, DType::f32), none(1, kWidth, DType::f32),
            wide_x(kRows, kWidth, DType::f32), wide_dy(kRows, kWidth, DType::f32);
        const auto ops = ops_for(mode.isa);
        ops->copy(x, wide_x);
        ops->copy(dy, wide_dy);
        for (int64_t c = 0; c < kWidth; ++c) none.set(0, c, 0);
        ops->rms_norm_backward(wide_x, w, kEps, wide_dy, wide, false, none);
        Tensor dx = before, sum = before, dw = dw_before;
        ops->rms_norm_backward(x, w, kEps, dy, dx, false, Buf{});
        ops->rms_norm_backward(x, w, kEps, dy, sum, true, dw);
        Matrix<double> total = wide.matrix(), dw_total = none.matrix();
        for (size_t i = 0; i < total.data.size(); ++i) total.data[i] += before.matrix().data[i];
        for (size_t i = 0; i < dw_total.data.size(); ++i) dw_total.data[i] += dw_before.matrix().data[i];
        expect_close(dx, wide.matrix(), "dx");
        expect_close(sum, total, "dx, added");
        expect_close(dw, dw_total, "dw, added");
      }
  });
}

TEST(RmsNorm, BackwardMayOverwriteTheGradientItReads) {
  for_each_mode([](const Mode& mode) {
    const Tensor x = Tensor(21, 70, mode.type).random(1), w = Tensor(1, 70, DType::f32).random(2),
                 dy = Tensor(21, 70, mode.type).random(3);
    const auto ops = ops_for(mode.isa);
    Tensor apart(21, 70, mode.type), in_place = dy;
    ops->rms_norm_backward(x, w, kEps, dy, apart, false, Buf{});
    ops->rms_norm_backward(x, w, kEps, in_place, in_place, false, Buf{});
    EXPECT_EQ(in_place.bits(), apart.bits());
  });
}

TEST(RmsNorm, DwDoesNotDependOnThreads) {
  for_each_mode([](const Mode& mode) {
    const Tensor x = Tensor(300, 200, mode.type).random(1), w = Tensor(1, 200, DType::f32).random(2),
                 dy = Tensor(300, 200, mode.type).random(3);
    expect_thread_independent(mode.isa, [&](Ops& ops) {
      Tensor dx(300, 200, mode.type), dw = Tensor(1, 200, DType::f32).random(4);
      ops.rms_norm_backward(x, w, kEps, dy, dx, false, dw);
      std::vector<uint32_t> bits = dx.bits(), more = dw.bits();
      bits.insert(bits.end(), more.begin(), more.end());
      return bits;
    });
  });
}

struct Angles {
  Tensor cos, sin;
  Angles(int64_t positions, int64_t half)
      : cos(positions, half, DType::f32), sin(positions, half, DType::f32) {
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t j = 0; j < half; ++j) {
        const double angle = double(p) * std::pow(10000.0, -double(j) / double(half));
        cos.set(p, j, float(std::cos(angle)));
        sin.set(p, j, float(std::sin(angle)));
      }
  }
  RopeTable table() const { return {cos, sin}; }
};

TEST(Rope, TurnsHalvesOfEachHeadAndBack) {
  const std::vector<int32_t> positions = {0, 1, 2, 0, 99, 50, 3};
  for_each_mode([&](const Mode& mode) {
    struct Case {
      int64_t heads, head_dim, half;
    };
    for (const Case& c : {Case{3, 64, 32}, Case{2, 80, 40}, Case{1, 6, 3}, Case{2, 64, 16}}) {
      const Angles angles(100, c.half);
      const Tensor x = Tensor(7, c.heads * c.head_dim, mode.type).random(1);
      Tensor y = x;
      const auto ops = ops_for(mode.isa);
      ops->rope(y, c.head_dim, angles.table(), positions, false);
      expect_close(y, ref::rope(x.matrix(), c.head_dim, angles.cos.matrix(), angles.sin.matrix(), positions),
                   "rope", 1e-6);
      ops->rope(y, c.head_dim, angles.table(), positions, true);
      expect_close(y, x.matrix(), "rope and its inverse", mode.type == DType::f32 ? 1e-6 : 0x1p-7);
    }
  });
}

TEST(Rope, InverseIsTheDerivativeTransposed) {
  const std::vector<int32_t> positions = {5, 9, 2};
  const Angles angles(10, 20);
  const Tensor x = Tensor(3, 96, DType::f32).random(1), dy = Tensor(3, 96, DType::f32).random(2);
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    Tensor dx = dy;
    ops_for(isa.isa)->rope(dx, 48, angles.table(), positions, true);
    const Direction direction(3, 96, 3);
    double sum = 0, squares = 0;
    direction.project(dx.matrix(), sum, squares);
    const double exact = slope_of(
        ref::rope(direction.along(x.matrix()), 48, angles.cos.matrix(), angles.sin.matrix(), positions),
        dy.matrix());
    EXPECT_NEAR(sum, exact, kGradientError * std::sqrt(squares));
  }
}

class GatedAct : public ::testing::TestWithParam<Activation> {};
INSTANTIATE_TEST_SUITE_P(Each, GatedAct, ::testing::Values(Activation::silu, Activation::gelu_tanh));

TEST_P(GatedAct, Forward) {
  for_each_mode([](const Mode& mode) {
    const Tensor gate = Tensor(40, 101, mode.type).random(1, 12), up = Tensor(40, 101, mode.type).random(2);
    Tensor out(40, 101, mode.type);
    ops_for(mode.isa)->gated_act(GetParam(), gate, up, out);
    expect_close(out, ref::gated_act(GetParam(), gate.matrix(), up.matrix()), "out", 1e-6);
  });
}

TEST_P(GatedAct, StaysFiniteFarOut) {
  for_each_mode([](const Mode& mode) {
    Tensor gate(1, 4, mode.type), up(1, 4, mode.type), out(1, 4, mode.type), dgate = out, dup = out;
    const float far[] = {1e30f, -1e30f, 200, -200};
    for (int64_t c = 0; c < 4; ++c) gate.set(0, c, far[c]), up.set(0, c, 1);
    const auto ops = ops_for(mode.isa);
    ops->gated_act(GetParam(), gate, up, out);
    ops->gated_act_backward(GetParam(), gate, up, up, dgate, dup);
    for (int64_t c = 0; c < 4; ++c) {
      EXPECT_EQ(out.get(0, c), c % 2 == 0 ? gate.get(0, c) : 0.0f);
      EXPECT_EQ(dgate.get(0, c), c % 2 == 0 ? 1.0f : 0.0f);
      EXPECT_EQ(dup.get(0, c), out.get(0, c));
    }
  });
}

TEST_P(GatedAct, BackwardAgreesWithTheDerivative) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    const Tensor gate = Tensor(9, 37, DType::f32).random(1, 6), up = Tensor(9, 37, DType::f32).random(2),
                 dout = Tensor(9, 37, DType::f32).random(3);
    Tensor dgate(9, 37, DType::f32), dup(9, 37, DType::f32);
    ops_for(isa.isa)->gated_act_backward(GetParam(), gate, up, dout, dgate, dup);
    for (uint32_t draw = 0; draw < 4; ++draw) {
      const Direction to_gate(9, 37, 10 + draw), to_up(9, 37, 20 + draw);
      double sum = 0, squares = 0;
      to_gate.project(dgate.matrix(), sum, squares);
      to_up.project(dup.matrix(), sum, squares);
      const auto out = ref::gated_act(GetParam(), to_gate.along(gate.matrix()), to_up.along(up.matrix()));
      EXPECT_NEAR(sum, slope_of(out, dout.matrix()), kGradientError * std::sqrt(squares));
    }
  }
}

TEST_P(GatedAct, BackwardInBf16IsTheF32ResultRounded) {
  for_each_mode([](const Mode& mode) {
    const auto ops = ops_for(mode.isa);
    const Tensor gate = Tensor(9, 37, mode.type).random(1, 6), up = Tensor(9, 37, mode.type).random(2);
    for (const DType type_of_dout : {DType::f32, DType::bf16}) {
      const Tensor dout = Tensor(9, 37, type_of_dout).random(3);
      Tensor wide[5] = {Tensor(9, 37, DType::f32), Tensor(9, 37, DType::f32), Tensor(9, 37, DType::f32),
                        Tensor(9, 37, DType::f32), Tensor(9, 37, DType::f32)};
      ops->copy(gate, wide[0]);
      ops->copy(up, wide[1]);
      ops->copy(dout, wide[2]);
      ops->gated_act_backward(GetParam(), wide[0], wide[1], wide[2], wide[3], wide[4]);
      Tensor dgate(9, 37, mode.type), dup(9, 37, mode.type);
      ops->gated_act_backward(GetParam(), gate, up, dout, dgate, dup);
      expect_close(dgate, wide[3].matrix(), "dgate", 1e-6);
      expect_close(dup, wide[4].matrix(), "dup", 1e-6);
    }
  });
}

TEST(Copies, AddIsOneRoundedSum) {
  for_each_mode([](const Mode& mode) {
    for (const DType other : {DType::f32, DType::bf16}) {
      const Tensor x = Tensor(18, 33, mode.type).random(1);
      Tensor y = Tensor(18, 33, other).random(2);
      Matrix<double> total = y.matrix();
      for (size_t i = 0; i < total.data.size(); ++i) total.data[i] += x.matrix().data[i];
      ops_for(mode.isa)->add(x, y);
      expect_close(y, total, "sum", 1e-7);
    }
  });
}

TEST(Copies, ConvertGatherAndScatter) {
  for_each_mode([](const Mode& mode) {
    const auto ops = ops_for(mode.isa);
    const std::vector<int32_t> rows = {4, 0, 17, 9};
    for (const DType other : {DType::f32, DType::bf16}) {
      const Tensor x = Tensor(18, 33, mode.type).random(1);
      Tensor copied(18, 33, other), gathered(4, 33, other);
      ops->copy(x, copied);
      expect_close(copied, x.matrix(), "copy", 0);
      ops->gather_rows(x, rows, gathered);
      Matrix<double> picked(4, 33), total = copied.matrix();
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t c = 0; c < 33; ++c) picked(i, c) = x.get(rows[size_t(i)], c);
      expect_close(gathered, picked, "gather", 0);
      const Tensor dout = Tensor(4, 33, mode.type).random(2);
      const Tensor before = copied;
      ops->scatter_add_rows(dout, rows, copied);
      for (int64_t i = 0; i < 4; ++i)
        for (int64_t c = 0; c < 33; ++c) total(rows[size_t(i)], c) += dout.get(i, c);
      expect_close(copied, total, "scatter", 1e-7);
      EXPECT_EQ(copied.bits(1, 3), before.bits(1, 3));  // rows that were not named
    }
  });
}

TEST(RowOps, AllocateNothingAfterTheFirstCall) {
  const Tensor x = Tensor(64, 96, DType::f32).random(1), w = Tensor(1, 96, DType::f32).random(2);
  Tensor dx(64, 96, DType::f32), dw = Tensor(1, 96, DType::f32).random(3);
  const auto ops = ops_for(Isa::generic, 3);
  ops->rms_norm_backward(x, w, kEps, x, dx, false, dw);
  const int64_t first = ops->scratch_bytes();
  for (int i = 0; i < 3; ++i) ops->rms_norm_backward(x, w, kEps, x, dx, false, dw);
  EXPECT_EQ(ops->scratch_bytes(), first);
}

}  // namespace
}  // namespace fettle::testing
