// linear, linear_dx and low_rank_grad against loops in double.
#include "kernel/cpu/linear_testing.h"

namespace fettle {
namespace {

using testing::at;
using testing::Backward;
using testing::backward;
using testing::bufs;
using testing::expect_within;
using testing::Expected;
using testing::for_each_mode;
using testing::Forward;
using testing::forward;
using testing::LinearCase;
using testing::LinearSpec;
using testing::Mode;
using testing::ops_for;
using testing::Tensor;
using testing::tensors;

// Σ over the delta's inner dimension of (drop(x)·Aᵀ)·Bᵀ, with the magnitude of every product.
void add_delta(const LinearCase& c, size_t p, int64_t t, Expected& e) {
  const LowRank* d = c.delta(p, t);
  if (!d) return;
  for (int64_t j = 0; j < d->A.rows; ++j) {
    double u = 0, magnitude = 0;
    for (int64_t i = 0; i < c.spec.in; ++i) {
      const double term = double(c.x.get(t, i)) * c.mask(*d, t, i) * at(d->A, j, i);
      u += term;
      magnitude += std::abs(term);
    }
    for (int64_t o = 0; o < e.value.cols; ++o) {
      e.value(t, o) += double(d->scale) * u * at(d->B, o, j);
      e.magnitude(t, o) += double(d->scale) * magnitude * std::abs(at(d->B, o, j));
    }
  }
}

void check_forward(const LinearSpec& spec) {
  LinearCase c(spec);
  const auto ops = ops_for(spec.mode.isa);
  const Forward f = forward(c, *ops, spec.mode.type);
  const std::vector<Tensor> before = tensors(c, spec.mode.type, 50, false);
  for (size_t p = 0; p < c.projs.size(); ++p) {
    Expected e(c.tokens(), c.spec.outs[p]);
    for (int64_t t = 0; t < c.tokens(); ++t) {
      for (int64_t o = 0; o < e.value.cols; ++o) {
        for (int64_t i = 0; i < c.spec.in; ++i)
          e.add(t, o, double(c.x.get(t, i)) * c.weights[p].values(o, i));
        if (c.spec.bias) e.add(t, o, double(c.biases[p].get(0, o)));
        if (c.spec.accumulate) e.add(t, o, double(before[p].get(t, o)));
      }
      add_delta(c, p, t, e);
    }
    expect_within(f.y[p], e, spec.mode.type, "y of projection " + std::to_string(p));
    if (spec.rank == 0) continue;
    Expected u(c.tokens(), Buf(f.u[p]).cols);
    for (int64_t t = 0; t < c.tokens(); ++t) {
      const LowRank* d = c.delta(p, t);
      for (int64_t j = 0; d && j < d->A.rows; ++j)
        for (int64_t i = 0; i < c.spec.in; ++i)
          u.add(t, j, double(c.x.get(t, i)) * c.mask(*d, t, i) * at(d->A, j, i));
      // Columns beyond this row's own rank are not the operation's to write.
      for (int64_t j = d ? d->A.rows : u.value.cols; j < u.value.cols; ++j)
        u.value(t, j) = f.u[p].get(t, j), u.magnitude(t, j) = 1;
    }
    expect_within(f.u[p], u, spec.mode.type, "u of projection " + std::to_string(p));
  }
}

// scale·dy·B of rows with a delta, zeros of the others; columns beyond a row's own rank are not the
// operation's.
Expected expected_du(const LinearCase& c, size_t p, const Tensor& dy, const Tensor& actual) {
  Expected e(c.tokens(), actual.cols());
  for (int64_t t = 0; t < c.tokens(); ++t) {
    const LowRank* d = c.delta(p, t);
    for (int64_t j = 0; d && j < d->A.rows; ++j)
      for (int64_t o = 0; o < c.spec.outs[p]; ++o)
        e.add(t, j, double(d->scale) * double(dy.get(t, o)) * at(d->B, o, j));
    for (int64_t j = d ? d->A.rows : e.value.cols; j < e.value.cols; ++j) {
      e.value(t, j) = actual.get(t, j);
      e.magnitude(t, j) = 1;
    }
  }
  return e;
}

void check_backward(const LinearSpec& spec) {
  LinearCase c(spec);
  const auto ops = ops_for(spec.mode.isa);
  std::vector<Tensor> dy = tensors(c, spec.mode.type, 80, false);
  const Backward b = backward(c, *ops, dy, spec.accumulate, spec.mode.type);
  Expected dx(c.tokens(), spec.in);
  Tensor before(c.tokens(), spec.in, spec.mode.type);
  before.random(70);
  for (int64_t t = 0; t < c.tokens(); ++t) {
    for (int64_t i = 0; i < spec.in && spec.accumulate; ++i) dx.add(t, i, double(before.get(t, i)));
    for (size_t p = 0; p < c.projs.size(); ++p)
      for (int64_t o = 0; o < spec.outs[p]; ++o)
        for (int64_t i = 0; i < spec.in; ++i)
          dx.add(t, i, double(dy[p].get(t, o)) * c.weights[p].values(o, i));
  }
  for (size_t p = 0; spec.rank > 0 && p < c.projs.size(); ++p) {
    const Expected du = expected_du(c, p, dy[p], b.du[p]);
    expect_within(b.du[p], du, spec.mode.type, "du");
    for (int64_t t = 0; t < c.tokens(); ++t) {
      const LowRank* d = c.delta(p, t);
      for (int64_t j = 0; d && j < d->A.rows; ++j)
        for (int64_t i = 0; i < spec.in; ++i) {
          const double a = c.mask(*d, t, i) * at(d->A, j, i);
          dx.value(t, i) += du.value(t, j) * a;
          dx.magnitude(t, i) += du.magnitude(t, j) * std::abs(a);
        }
    }
  }
  expect_within(b.dx, dx, spec.mode.type, "dx");
}

void check_gradients(const LinearSpec& spec) {
  LinearCase c(spec);
  const auto ops = ops_for(spec.mode.isa);
  std::vector<Tensor> dy = tensors(c, spec.mode.type, 80, false), u = tensors(c, spec.mode.type, 90, true),
                      du = tensors(c, spec.mode.type, 95, true);
  const LinearCase before(spec);
  ops->low_rank_grad(c.batch(), c.x, bufs(u), bufs(dy), bufs(du), c.projs);
  for (size_t p = 0; p < c.projs.size(); ++p) {
    for (size_t a = 0; a < c.deltas[p].size(); ++a) {
      const LowRank& d = c.deltas[p][a];
      if (!d.A) continue;
      Expected dA(d.A.rows, spec.in), dB(spec.outs[p], d.A.rows);
      for (int64_t j = 0; j < d.A.rows; ++j) {
        for (int64_t i = 0; i < spec.in; ++i) dA.add(j, i, at(before.deltas[p][a].dA, j, i));
        for (int64_t o = 0; o < spec.outs[p]; ++o) dB.add(o, j, at(before.deltas[p][a].dB, o, j));
      }
      for (int64_t t = 0; t < c.tokens(); ++t) {
        if (c.delta(p, t) != &d) continue;
        for (int64_t j = 0; j < d.A.rows; ++j) {
          for (int64_t i = 0; i < spec.in; ++i)
            dA.add(j, i, double(du[p].get(t, j)) * double(c.x.get(t, i)) * c.mask(d, t, i));
          for (int64_t o = 0; o < spec.outs[p]; ++o)
            dB.add(o, j, double(d.scale) * double(dy[p].get(t, o)) * double(u[p].get(t, j)));
        }
      }
      expect_within(d.dA, dA, spec.mode.type, "dA");
      expect_within(d.dB, dB, spec.mode.type, "dB");
    }
  }
}

void check_all(const LinearSpec& spec) {
  check_forward(spec);
  check_backward(spec);
  if (spec.rank > 0) check_gradients(spec);
}

TEST(Linear, EveryStorageType) {
  for (const StorageRow& row : storage_rows()) {
    const int64_t block = info(row.type).block, in = block == 256 ? 512 : block == 32 ? 96 : 70;
    for_each_mode([&](Mode mode) {
      SCOPED_TRACE(std::string(name(row.type)));
      check_all({.mode = mode, .storage = row.type, .in = in, .outs = {70}});
    });
  }
}

TEST(Linear, RaggedTokenCounts) {
  for (const int64_t tokens : {1, 3, 16, 17, 130, 300}) {
    for_each_mode([&](Mode mode) {
      SCOPED_TRACE(tokens);
      check_all({.mode = mode, .lengths = {tokens}, .in = 80, .outs = {66}, .rank = 4, .bias = true});
    });
  }
}

TEST(Linear, LongContractionsInSeveralPieces) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode, .storage = DType::q8_0, .lengths = {5}, .in = 1600, .outs = {34}, .rank = 3});
    check_all(
        {.mode = mode, .storage = DType::q8_0, .lengths = {5}, .in = 64, .outs = {1602, 780}, .rank = 3});
    check_all({.mode = mode, .storage = DType::q6_k, .lengths = {2}, .in = 512, .outs = {514}, .rank = 8});
  });
}

TEST(Linear, SeveralProjectionsAddToAResidual) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode,
               .lengths = {20, 13},
               .in = 128,
               .outs = {64, 16, 20},
               .rank = 5,
               .bias = true,
               .accumulate = true,
               .skipped_proj = 1});
  });
}

// Blocks of 256 numbers: a task of dx is four panels wide, and has two projections' terms for each.
TEST(Linear, SeveralProjectionsInWideStrips) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode, .storage = DType::q6_k, .lengths = {9}, .in = 512, .outs = {64, 32}, .rank = 6});
  });
}

TEST(Linear, OddLeadingDimensions) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode, .lengths = {5}, .in = 64, .outs = {48, 32}, .rank = 4, .gap = 3});
  });
}

TEST(Linear, OddWidths) {
  for_each_mode([](Mode mode) { check_all({.mode = mode, .in = 33, .outs = {15, 31}, .rank = 3}); });
}

// Segments of any length, an adapter that is not there, rows of the base alone; ranks differ by adapter.
TEST(Linear, AdaptersBySegment) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode,
               .lengths = {5, 30, 140, 2},
               .in = 64,
               .outs = {48, 80},
               .rank = 4,
               .segments = {{0, 5, 1}, {5, 35, -1}, {35, 36, 0}, {36, 170, 1}, {170, 177, 0}},
               .adapters = 2,
               .skipped_proj = 1});
  });
}

TEST(Linear, DropoutOfTheDeltasInput) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode, .lengths = {19, 140}, .in = 100, .outs = {32, 48}, .rank = 6, .dropout = 0.3f});
    check_all({.mode = mode,
               .storage = DType::q6_k,
               .lengths = {20},
               .in = 512,
               .outs = {32},
               .rank = 16,
               .dropout = 0.1f});
    check_all({.mode = mode, .lengths = {8}, .in = 1600, .outs = {34}, .rank = 4, .dropout = 0.1f});
  });
}

TEST(Linear, RowsOfInterleavedHeads) {
  for_each_mode([](Mode mode) {
    check_all({.mode = mode, .storage = DType::q4_1, .in = 64, .outs = {128}, .interleaved_head_dim = 32});
  });
}

TEST(Linear, LogitsInF32FromBf16) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    LinearCase c({.mode = {isa.isa, DType::bf16}, .lengths = {3}, .in = 64, .outs = {100}});
    const auto ops = ops_for(isa.isa);
    const Forward f = forward(c, *ops, DType::f32);
    Expected e(3, 100);
    for (int64_t t = 0; t < 3; ++t)
      for (int64_t o = 0; o < 100; ++o)
        for (int64_t i = 0; i < 64; ++i) e.add(t, o, double(c.x.get(t, i)) * c.weights[0].values(o, i));
    // x and the weight are bf16 already: only the f32 sum errs.
    expect_within(f.y[0], e, DType::f32, "logits");
  }
}

}  // namespace
}  // namespace fettle
