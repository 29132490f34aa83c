#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "kernel/cpu/op_testing.h"

namespace fettle::testing {
namespace {

constexpr double kGradientError = 1e-5;  // of the norm of dx ∘ direction, in f32

/// A packed training batch of sequences with these lengths, and views of it.
struct Pack {
  std::vector<int32_t> ids, positions, cu{0}, lengths;
  std::vector<int64_t> block_rows;

  explicit Pack(const std::vector<int32_t>& sequence_lengths) : lengths(sequence_lengths) {
    for (const int32_t n : lengths) {
      block_rows.push_back(cu.back());
      for (int32_t p = 0; p < n; ++p) positions.push_back(p);
      cu.push_back(cu.back() + n);
    }
    ids.resize(positions.size());
  }
  int64_t tokens() const { return int64_t(ids.size()); }
  BatchView batch() const { return {.ids = ids, .positions = positions, .cu_seqlens = cu}; }
  KvView view(const Tensor& k, const Tensor& v) const {
    return {.k = k, .v = v, .lengths = lengths, .block_rows = block_rows};
  }
};

struct Inputs {
  AttentionSpec spec;
  Tensor q, k, v, dout;

  Inputs(const AttentionSpec& s, int64_t tokens, DType type)
      : spec(s),
        q(Tensor(tokens, s.heads * s.head_dim, type).random(1, 2)),
        k(Tensor(tokens, s.kv_heads * s.head_dim, type).random(2, 2)),
        v(Tensor(tokens, s.kv_heads * s.head_dim, type).random(3)),
        dout(Tensor(tokens, s.heads * s.head_dim, type).random(4)) {}
};

struct Outputs {
  Tensor o, lse, dq, dk, dv;

  explicit Outputs(const Inputs& in)
      : o(in.q), lse(in.q.rows(), in.spec.heads, DType::f32), dq(in.q), dk(in.k), dv(in.k) {}
};

Outputs run(Ops& ops, const Pack& pack, const Inputs& in, bool backward = true) {
  Outputs out(in);
  const KvView view = pack.view(in.k, in.v);
  ops.attention(pack.batch(), in.spec, in.q, view, out.o, out.lse);
  if (backward)
    ops.attention_backward(pack.batch(), in.spec, in.q, view, out.o, out.lse, in.dout, out.dq, out.dk,
                           out.dv);
  return out;
}

AttentionSpec spec_of(int64_t heads, int64_t kv_heads, int64_t head_dim, int64_t window = 0) {
  return {.heads = heads,
          .kv_heads = kv_heads,
          .head_dim = head_dim,
          .scale = float(1 / std::sqrt(double(head_dim))),
          .window = window};
}

template <class T>
ref::Attended<T> reference(const Pack& pack, const AttentionSpec& spec, const Matrix<T>& q,
                           const Matrix<T>& k, const Matrix<T>& v) {
  const auto rows_of = [](const Matrix<T>& m, int64_t begin, int64_t count) {
    Matrix<T> part(count, m.cols);
    std::copy_n(m.data.begin() + begin * m.cols, count * m.cols, part.data.begin());
    return part;
  };
  ref::Attended<T> all{Matrix<T>(q.rows, q.cols), Matrix<T>(q.rows, spec.heads)};
  for (size_t s = 0; s + 1 < pack.cu.size(); ++s) {
    const int64_t begin = pack.cu[s], count = pack.lengths[s];
    const auto one =
        ref::attention(spec, rows_of(q, begin, count), rows_of(k, begin, count), rows_of(v, begin, count));
    std::copy(one.o.data.begin(), one.o.data.end(), all.o.data.begin() + begin * q.cols);
    std::copy(one.lse.data.begin(), one.lse.data.end(), all.lse.data.begin() + begin * spec.heads);
  }
  return all;
}

const std::vector<AttentionSpec> kSpecs = {
    spec_of(3, 3, 16), spec_of(6, 2, 64),     spec_of(4, 1, 24),     spec_of(9, 3, 64, 64),
    spec_of(2, 2, 5),  spec_of(2, 1, 128, 1), spec_of(3, 1, 40, 70), spec_of(16, 1, 16),
};
const std::vector<int32_t> kRagged = {1, 2, 63, 64, 65, 130};

std::string describe(const AttentionSpec& s) {
  return fmt::format("{} heads on {} of {}, window {}", s.heads, s.kv_heads, s.head_dim, s.window);
}

TEST(Attention, ForwardOfARaggedPack) {
  const Pack pack(kRagged);
  for_each_mode([&](const Mode& mode) {
    const auto ops = ops_for(mode.isa);
    for (const AttentionSpec& spec : kSpecs) {
      SCOPED_TRACE(describe(spec));
      const Inputs in(spec, pack.tokens(), mode.type);
      const Outputs out = run(*ops, pack, in, false);
      const auto expected = reference(pack, spec, in.q.matrix(), in.k.matrix(), in.v.matrix());
      expect_close(out.o, expected.o, "o");
      expect_close(out.lse, expected.lse, "lse", 1e-6);
    }
  });
}

TEST(Attention, LargeScoresDoNotOverflow) {
  const Pack pack({130});
  for_each_mode([&](const Mode& mode) {
    Inputs in(spec_of(2, 1, 16), pack.tokens(), mode.type);
    in.q.random(1, 60);
    in.k.random(2, 60);
    const Outputs out = run(*ops_for(mode.isa), pack, in, false);
    const auto expected = reference(pack, in.spec, in.q.matrix(), in.k.matrix(), in.v.matrix());
    expect_close(out.o, expected.o, "o", 2e-3);  // scores reach 10^4, and f32 keeps 10^-3 of them
    expect_close(out.lse, expected.lse, "lse", 1e-6);
  });
}

TEST(Attention, BackwardAgreesWithTheDerivative) {
  const Pack pack(kRagged);
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    const auto ops = ops_for(isa.isa);
    for (const AttentionSpec& spec : {spec_of(2, 2, 5), spec_of(3, 1, 16), spec_of(4, 2, 20, 50)}) {
      SCOPED_TRACE(describe(spec));
      const Inputs in(spec, pack.tokens(), DType::f32);
      const Outputs out = run(*ops, pack, in);
      for (uint32_t draw = 0; draw < 3; ++draw) {
        const Direction to_q(in.q.rows(), in.q.cols(), 10 + draw), to_k(in.k.rows(), in.k.cols(), 20 + draw),
            to_v(in.k.rows(), in.k.cols(), 30 + draw);
        double sum = 0, squares = 0;
        to_q.project(out.dq.matrix(), sum, squares);
        to_k.project(out.dk.matrix(), sum, squares);
        to_v.project(out.dv.matrix(), sum, squares);
        const auto along = reference(pack, spec, to_q.along(in.q.matrix()), to_k.along(in.k.matrix()),
                                     to_v.along(in.v.matrix()));
        EXPECT_NEAR(sum, slope_of(along.o, in.dout.matrix()), kGradientError * std::sqrt(squares));
      }
    }
  }
}

// One input at a time, so that an error in dk cannot hide behind a large dv.
TEST(Attention, EachGradientAgreesWithTheDerivative) {
  const Pack pack({70, 3});
  const Inputs in(spec_of(6, 3, 16), pack.tokens(), DType::f32);
  const Matrix<double> q = in.q.matrix(), k = in.k.matrix(), v = in.v.matrix();
  const auto constant = [](const Matrix<double>& m) {
    Matrix<Dual<double>> out(m.rows, m.cols);
    std::copy(m.data.begin(), m.data.end(), out.data.begin());
    return out;
  };
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    const Outputs out = run(*ops_for(isa.isa), pack, in);
    for (const int which : {0, 1, 2}) {
      const Tensor& gradient = which == 0 ? out.dq : which == 1 ? out.dk : out.dv;
      const Direction direction(gradient.rows(), gradient.cols(), 40 + uint32_t(which));
      double sum = 0, squares = 0;
      direction.project(gradient.matrix(), sum, squares);
      const auto along = reference(pack, in.spec, which == 0 ? direction.along(q) : constant(q),
                                   which == 1 ? direction.along(k) : constant(k),
                                   which == 2 ? direction.along(v) : constant(v));
      EXPECT_NEAR(sum, slope_of(along.o, in.dout.matrix()), kGradientError * std::sqrt(squares)) << which;
    }
  }
}

// bf16 in and out: o is rounded before rowsum(dout ∘ o), which is what allows more than the rounding of the
// result.
TEST(Attention, BackwardInBf16IsNearTheF32Result) {
  const Pack pack(kRagged);
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    const auto ops = ops_for(isa.isa);
    for (const AttentionSpec& spec : kSpecs) {
      SCOPED_TRACE(describe(spec));
      const Inputs half(spec, pack.tokens(), DType::bf16);
      Inputs wide(spec, pack.tokens(), DType::f32);
      ops->copy(half.q, wide.q);
      ops->copy(half.k, wide.k);
      ops->copy(half.v, wide.v);
      ops->copy(half.dout, wide.dout);
      const Outputs out = run(*ops, pack, half), expected = run(*ops, pack, wide);
      // A query that sees one key has gradient 0: what is left of dp - dot is the order of their f32 sums.
      const double least = spec.window == 1 ? 1e-4 : 0;
      expect_close(out.dq, expected.dq.matrix(), "dq", 0x1p-8, 0x1p-8, least);
      expect_close(out.dk, expected.dk.matrix(), "dk", 0x1p-8, 0x1p-8, least);
      expect_close(out.dv, expected.dv.matrix(), "dv", 1e-6);
    }
  }
}

TEST(Attention, PackedEqualsUnpackedBitForBit) {
  const Pack pack(kRagged);
  for_each_mode([&](const Mode& mode) {
    const auto ops = ops_for(mode.isa);
    for (const AttentionSpec& spec : kSpecs) {
      SCOPED_TRACE(describe(spec));
      const Inputs in(spec, pack.tokens(), mode.type);
      const Outputs packed = run(*ops, pack, in);
      for (size_t s = 0; s < kRagged.size(); ++s) {
        const int64_t begin = pack.cu[s], count = kRagged[s];
        const Pack alone({kRagged[s]});
        Inputs one(spec, count, mode.type);
        ops->copy(Buf(in.q).rows_from(begin, count), one.q);
        ops->copy(Buf(in.k).rows_from(begin, count), one.k);
        ops->copy(Buf(in.v).rows_from(begin, count), one.v);
        ops->copy(Buf(in.dout).rows_from(begin, count), one.dout);
        const Outputs out = run(*ops, alone, one);
        ASSERT_EQ(out.o.bits(), packed.o.bits(begin, count)) << "sequence " << s;
        ASSERT_EQ(out.lse.bits(), packed.lse.bits(begin, count)) << "sequence " << s;
        ASSERT_EQ(out.dq.bits(), packed.dq.bits(begin, count)) << "sequence " << s;
        ASSERT_EQ(out.dk.bits(), packed.dk.bits(begin, count)) << "sequence " << s;
        ASSERT_EQ(out.dv.bits(), packed.dv.bits(begin, count)) << "sequence " << s;
      }
    }
  });
}

TEST(Attention, AnyNumberOfThreadsGivesTheSameBits) {
  const Pack pack({130, 300, 7});
  for_each_mode([&](const Mode& mode) {
    const Inputs in(spec_of(6, 2, 32), pack.tokens(), mode.type);
    const Outputs one = run(*ops_for(mode.isa, 1), pack, in);
    for (const int threads : {2, 3, 16})  // 6 units: 16 threads split the backward into two passes
    {
      const Outputs many = run(*ops_for(mode.isa, threads), pack, in);
      EXPECT_EQ(many.o.bits(), one.o.bits());
      EXPECT_EQ(many.dq.bits(), one.dq.bits());
      EXPECT_EQ(many.dk.bits(), one.dk.bits());
      EXPECT_EQ(many.dv.bits(), one.dv.bits());
    }
  });
}

/// A cache of pages that lie in no order, filled by store_kv in steps of a few tokens per sequence.
struct Cache {
  Tensor k, v;
  std::vector<int64_t> block_rows;
  std::vector<int32_t> lengths;
  int64_t per_sequence, block_tokens;

  Cache(const AttentionSpec& spec, int64_t sequences, int64_t max_tokens, int64_t block, DType type)
      : k(sequences * round_up(max_tokens, block), spec.kv_heads * spec.head_dim, type),
        v(sequences * round_up(max_tokens, block), spec.kv_heads * spec.head_dim, type),
        lengths(size_t(sequences)),
        per_sequence(round_up(max_tokens, block) / block),
        block_tokens(block) {
    const int64_t blocks = sequences * per_sequence;
    for (int64_t b = 0; b < blocks; ++b) block_rows.push_back((blocks - 1 - b) * block);
  }
  KvView view() const {
    return {.k = k,
            .v = v,
            .lengths = lengths,
            .block_rows = block_rows,
            .blocks_per_sequence = per_sequence,
            .block_tokens = block_tokens};
  }
};

TEST(Attention, TokenByTokenThroughAPagedCacheEqualsPrefillBitForBit) {
  const std::vector<int32_t> lengths = {130, 67};
  const Pack pack(lengths);
  for_each_mode([&](const Mode& mode) {
    const auto ops = ops_for(mode.isa);
    for (const AttentionSpec& spec : {spec_of(6, 2, 64), spec_of(3, 1, 40, 70), spec_of(4, 4, 16)})
      for (const int32_t step : {1, 5, 64}) {
        SCOPED_TRACE(describe(spec) + ", " + std::to_string(step) + " at a time");
        const Inputs in(spec, pack.tokens(), mode.type);
        const Outputs prefill = run(*ops, pack, in, false);
        Cache cache(spec, 2, 130, 16, mode.type);
        for (int32_t done = 0; done < 130; done += step) {
          std::vector<int32_t> cu = {0}, count;
          for (size_t s = 0; s < 2; ++s) {
            count.push_back(std::clamp(lengths[s] - done, 0, step));
            cu.push_back(cu.back() + count.back());
            cache.lengths[s] = std::min(lengths[s], done + step);
          }
          const std::vector<int32_t> ids(size_t(cu.back()));
          const BatchView batch{.ids = ids, .positions = ids, .cu_seqlens = cu};
          Tensor q(cu.back(), in.q.cols(), mode.type), k(cu.back(), in.k.cols(), mode.type),
              v = k, o = q, lse(cu.back(), spec.heads, DType::f32);
          const auto part = [&](const Tensor& from, const Tensor& to) {
            for (size_t s = 0; s < 2; ++s)
              ops->copy(Buf(from).rows_from(pack.cu[s] + done, count[s]), Buf(to).rows_from(cu[s], count[s]));
          };
          part(in.q, q);
          part(in.k, k);
          part(in.v, v);
          ops->store_kv(batch, k, v, cache.view());
          ops->attention(batch, spec, q, cache.view(), o, lse);
          for (size_t s = 0; s < 2; ++s) {
            ASSERT_EQ(o.bits(cu[s], count[s]), prefill.o.bits(pack.cu[s] + done, count[s])) << done;
            ASSERT_EQ(lse.bits(cu[s], count[s]), prefill.lse.bits(pack.cu[s] + done, count[s])) << done;
          }
        }
      }
  });
}

TEST(Attention, StoreIntoTheBatchItselfMovesNothing) {
  const Pack pack({3, 2});
  const AttentionSpec spec = spec_of(1, 1, 8);
  const Inputs in(spec, pack.tokens(), DType::f32);
  const std::vector<uint32_t> before = in.k.bits();
  ops_for(Isa::generic)->store_kv(pack.batch(), in.k, in.v, pack.view(in.k, in.v));
  EXPECT_EQ(in.k.bits(), before);
}

TEST(Attention, CachedKeysCannotBeTrainedOn) {
  Pack pack({4});
  const Inputs in(spec_of(1, 1, 8), 4, DType::f32);
  Outputs out(in);
  pack.lengths[0] = 6;
  const auto ops = ops_for(Isa::generic);
  EXPECT_THROW(ops->attention_backward(pack.batch(), in.spec, in.q, pack.view(in.k, in.v), out.o, out.lse,
                                       in.dout, out.dq, out.dk, out.dv),
               InvariantError);
}

TEST(Attention, ScratchIsConstantAfterTheFirstCall) {
  const Pack pack({100, 30});
  const Inputs in(spec_of(4, 2, 16), pack.tokens(), DType::f32);
  const auto ops = ops_for(Isa::generic, 3);
  run(*ops, pack, in);
  const int64_t first = ops->scratch_bytes();
  run(*ops, pack, in);
  EXPECT_EQ(ops->scratch_bytes(), first);
}

}  // namespace
}  // namespace fettle::testing
