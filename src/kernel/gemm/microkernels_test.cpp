#include "kernel/gemm/microkernels.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "base/half.h"
#include "base/rng.h"
#include "kernel/gemm/code_arena.h"

namespace fettle {
namespace {

struct Operands {
  std::vector<float> a, b;             // row-major values, exact in bf16
  std::vector<uint32_t> raw_a, raw_b;  // as the kernel takes them
  Operands(int64_t m, const GemmShape& s) {
    Rng rng(3, Purpose::probe);
    std::vector<float> left(size_t(m * s.lda)), right(size_t(int64_t(s.k) * s.ldb));
    for (auto* v : {&left, &right})
      for (float& x : *v) x = to_float(to_bf16(2 * rng.next_float() - 1));
    set(s, left, right);
  }
  void set(const GemmShape& s, const std::vector<float>& left, const std::vector<float>& right) {
    a = left, b = right;
    raw_a.resize(a.size());
    raw_b.resize(b.size());
    auto* half_a = reinterpret_cast<uint16_t*>(raw_a.data());
    auto* half_b = reinterpret_cast<uint16_t*>(raw_b.data());
    for (size_t i = 0; i < a.size(); ++i) {
      if (s.bf16)
        half_a[i] = to_bf16(a[i]).bits;
      else
        raw_a[i] = std::bit_cast<uint32_t>(a[i]);
    }
    for (int64_t k = 0; k < s.k; ++k)
      for (int64_t c = 0; c < s.ldb; ++c) {
        const float x = b[size_t(k * s.ldb + c)];
        if (s.bf16)
          half_b[(k / 2 * s.ldb + c) * 2 + k % 2] = to_bf16(x).bits;
        else
          raw_b[size_t(k * s.ldb + c)] = std::bit_cast<uint32_t>(x);
      }
  }
};

std::vector<float> product(MicroKernels& micro, const GemmShape& s, int64_t m, const Operands& o) {
  std::vector<float> c(size_t(m * s.ldc), 0.5f);
  micro.get(s)(m, o.raw_a.data(), o.raw_b.data(), c.data());
  return c;
}

void check(MicroKernels& micro, const GemmShape& s, int64_t m) {
  SCOPED_TRACE(::testing::Message() << micro.describe() << " m " << m << " n " << s.n << " k " << s.k
                                    << " bf16 " << s.bf16);
  const Operands o(m, s);
  const std::vector<float> c = product(micro, s, m, o);
  for (int64_t i = 0; i < m; ++i)
    for (int64_t j = 0; j < s.ldc; ++j) {
      double sum = s.add || j >= s.n ? 0.5 : 0, magnitude = 1;
      for (int64_t k = 0; k < s.k && j < s.n; ++k) {
        sum += double(o.a[size_t(i * s.lda + k)]) * double(o.b[size_t(k * s.ldb + j)]);
        magnitude += std::abs(double(o.a[size_t(i * s.lda + k)]) * double(o.b[size_t(k * s.ldb + j)]));
      }
      ASSERT_NEAR(c[size_t(i * s.ldc + j)], sum, 1e-6 * magnitude) << i << ", " << j;
    }
}

template <class Body>
void for_each_kernel(const Body& body) {
  for (const IsaRow& r : isa_rows()) {
    if (!r.supported()) continue;
    MicroKernels micro(r.isa);
    body(micro, false);
    if (micro.bf16()) body(micro, true);
  }
}

TEST(MicroKernels, MultiplyEveryShapeOfTheLoopNests) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    for (const bool add : {false, true})
      for (const int n : {16, 32, 48, 64, 96})
        for (const int k : {2, 16, 66}) {
          check(micro, {bf16, add, n, k, k + 2, n + 16, n + 3}, 16);
          check(micro, {bf16, add, n, k, k, n, n}, 13);
          check(micro, {bf16, add, n, k, k, n, n}, 240);
        }
  });
}

// What the whole design rests on: an element's bits depend neither on how many rows or columns are computed
// with it, nor on where, between pieces, its contraction is cut.
TEST(MicroKernels, AnElementDoesNotSeeHowTheProductIsCut) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    const int32_t m = 128, k = 1600, n = 64, piece = MicroKernels::piece(bf16);
    const GemmShape whole{bf16, false, n, k, k, n, n};
    const Operands o(m, whole);
    const std::vector<float> expected = product(micro, whole, m, o);
    const int64_t element = bf16 ? 2 : 4;
    const auto* a = reinterpret_cast<const std::byte*>(o.raw_a.data());
    const auto* b = reinterpret_cast<const std::byte*>(o.raw_b.data());
    for (const int64_t rows : {1, 2, 3, 4, 5, 8, 12, 15, 16, 32, 48, 64, 112})
      for (const int32_t cols : {16, 32, 48, 64})
        for (const int32_t cut : {piece, 2 * piece, k}) {
          std::vector<float> c(size_t(m * n), -1.0f);
          for (int64_t k0 = 0; k0 < k; k0 += cut) {
            const int32_t length = int32_t(std::min<int64_t>(cut, k - k0));
            micro.get({bf16, k0 > 0, cols, length, k, n, n})(
                rows, a + (m - rows) * k * element + k0 * element, b + k0 * n * element, c.data());
          }
          for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < cols; ++j)
              ASSERT_EQ(c[size_t(i * n + j)], expected[size_t((m - rows + i) * n + j)])
                  << micro.describe() << " bf16 " << bf16 << " rows " << rows << " cols " << cols << " cut "
                  << cut;
        }
  });
}

// A number that swallows every 1 added to it shows where sums begin: the ones of its own piece are lost,
// those of every other piece are counted first and then added. All of it is exact.
TEST(MicroKernels, EveryPieceIsSummedByItselfAndThenAdded) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    constexpr float kSwallows = 0x1p24f;
    const int32_t piece = MicroKernels::piece(bf16);
    for (const bool add : {false, true})
      for (const int32_t n : {16, 32, 64, 96})
        for (const int32_t k : {2, piece, 2 * piece, 3 * piece + 6}) {
          const GemmShape s{bf16, add, n, k, k, n, n};
          const int64_t m = 45;
          Operands o(m, s);
          std::vector<float> ones(size_t(m * k), 1.0f);
          for (int64_t i = 0; !add && i < m; ++i) ones[size_t(i * k)] = kSwallows;
          o.set(s, ones, std::vector<float>(size_t(k * n), 1.0f));
          std::vector<float> c(size_t(m * n), kSwallows);
          micro.get(s)(m, o.raw_a.data(), o.raw_b.data(), c.data());
          const float expected = kSwallows + float(add ? k : std::max(0, k - piece));
          for (const float x : c) ASSERT_EQ(x, expected) << "bf16 " << bf16 << " add " << add << " k " << k;
        }
  });
}

// What is too small to change C one at a time changes it as a sum: joining loses every half.
TEST(MicroKernels, AShapeThatJoinsGoesOnWithTheChain) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    for (const int32_t n : {16, 32, 64})
      for (const int32_t k : {16, 64}) {
        const GemmShape s{bf16, true, n, k, k, n, n, true};
        check(micro, s, 45);
        Operands o(45, s);
        o.set(s, std::vector<float>(size_t(45 * k), 0.5f), std::vector<float>(size_t(k * n), 1.0f));
        std::vector<float> c(size_t(45 * n), 0x1p24f);
        micro.get(s)(45, o.raw_a.data(), o.raw_b.data(), c.data());
        for (const float x : c) ASSERT_EQ(x, 0x1p24f) << "bf16 " << bf16 << " k " << k;
      }
  });
}

// As long as the head's contraction over a vocabulary. One chain of so many products of one sign errs by
// 7e-6.
TEST(MicroKernels, ALongSumIsAsExactAsAShortOne) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    const int32_t k = 49152, n = 32;
    const GemmShape s{bf16, false, n, k, k, n, n};
    Operands o(1, s);
    std::vector<float> left = o.a, right = o.b;
    for (auto* v : {&left, &right})
      for (float& x : *v) x = std::abs(x);
    o.set(s, left, right);
    const std::vector<float> c = product(micro, s, 1, o);
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += double(left[size_t(i)]) * double(right[size_t(i * n + j)]);
      ASSERT_NEAR(c[size_t(j)], sum, 2e-6 * sum) << micro.describe() << " bf16 " << bf16;
    }
  });
}

TEST(MicroKernels, GenericIsPlain) {
  MicroKernels micro(Isa::generic);
  micro.get({false, false, 64, 64, 64, 64, 64});
  EXPECT_EQ(micro.fast(false) + micro.fast(true), 0);
  EXPECT_EQ(micro.describe(), "plain C++ kernels for f32 (generic)");
}

TEST(MicroKernels, SayWhichProviderRunsAndServeWithoutExecutableMemory) {
  for (const IsaRow& r : isa_rows()) {
    if (!r.supported() || r.isa == Isa::generic) continue;
    MicroKernels generated(r.isa);
    EXPECT_EQ(generated.describe().rfind("libxsmm for f32", 0), 0u) << generated.describe();
    CodeArena::set_refusal(true);
    MicroKernels refused(r.isa);
    CodeArena::set_refusal(false);
    EXPECT_NE(refused.describe().find("refuses executable memory"), std::string::npos) << refused.describe();
    check(refused, {false, true, 64, 66, 66, 64, 64}, 48);
    EXPECT_EQ(refused.fast(false), 0);
    EXPECT_EQ(refused.bf16(), r.bf16_dot);
    if (r.bf16_dot) check(refused, {true, true, 64, 66, 66, 64, 64}, 48);
  }
}

TEST(MicroKernels, AShapeIsMadeOnce) {
  for_each_kernel([](MicroKernels& micro, bool bf16) {
    const GemmShape s{bf16, false, 64, 64, 64, 64, 64};
    const Gemm& first = micro.get(s);
    const int64_t count = micro.fast(bf16);
    EXPECT_EQ(&micro.get(s), &first);
    EXPECT_EQ(&micro.at(s), &first);
    EXPECT_EQ(micro.fast(bf16), count);
  });
}

}  // namespace
}  // namespace fettle
