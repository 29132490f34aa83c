#include "kernel/isa/row_kernels.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/rng.h"

namespace fettle {
namespace {

template <class Body>
void for_each_isa(const Body& body) {
  for (const IsaRow& isa : isa_rows()) {
    if (!isa.supported()) continue;
    SCOPED_TRACE(isa.name);
    body(row_kernels(isa.isa));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

std::vector<float> random_floats(size_t n, uint32_t stream) {
  Rng rng(3, Purpose::probe, 0, stream);
  std::vector<float> x(n);
  for (float& v : x) v = 2 * rng.next_float() - 1;
  return x;
}

// Distance in units of the last place of the exact result's own binade.
double ulps(float actual, long double exact) {
  const float nearest = float(exact);
  const long double ulp = std::nextafter(std::abs(nearest), INFINITY) - std::abs(nearest);
  return double(std::abs((long double)actual - exact) / ulp);
}

TEST(RowKernels, EveryTableIsItsOwn) {
  for (const IsaRow& isa : isa_rows()) EXPECT_STREQ(row_kernels(isa.isa).isa, isa.name);
}

TEST(RowKernels, ExpIsWithinOneUlpFromUnderflowToOverflow) {
  for_each_isa([](const RowKernels& kernels) {
    std::vector<float> x, y(1 << 16);
    const uint32_t step = 4001;  // a prime walk over the bits of every float in (-104, 88.7) and near 0
    for (const uint32_t sign : {0u, 0x80000000u})
      for (uint32_t bits = 0; bits < 0x42d00000u; bits += step) {
        const float v = std::bit_cast<float>(bits | sign);
        if (v < 88.72f) x.push_back(v);
      }
    double worst = 0;
    for (size_t begin = 0; begin < x.size(); begin += y.size()) {
      const size_t n = std::min(y.size(), x.size() - begin);
      kernels.exp(x.data() + begin, y.data(), int64_t(n));
      for (size_t i = 0; i < n; ++i) worst = std::max(worst, ulps(y[i], std::exp((long double)x[begin + i])));
    }
    EXPECT_LE(worst, 1.0);
    EXPECT_GT(worst, 0.4);  // no f32 result is always exact: the comparison did compare
  });
}

TEST(RowKernels, ExpAtTheEdges) {
  for_each_isa([](const RowKernels& kernels) {
    const float infinity = std::numeric_limits<float>::infinity();
    const float x[] = {0.0f, -0.0f, infinity, -infinity, 88.8f, -103.97f, -105.0f, -87.5f, NAN};
    float y[std::size(x)];
    kernels.exp(x, y, std::size(x));
    EXPECT_EQ(y[0], 1.0f);
    EXPECT_EQ(y[1], 1.0f);
    EXPECT_EQ(y[2], infinity);
    EXPECT_EQ(y[3], 0.0f);
    EXPECT_EQ(y[4], infinity);
    EXPECT_EQ(y[5], std::numeric_limits<float>::denorm_min());
    EXPECT_EQ(y[6], 0.0f);
    EXPECT_GT(y[7], 0.0f);
    EXPECT_LT(y[7], std::numeric_limits<float>::min());
    EXPECT_TRUE(std::isnan(y[8]));
  });
}

TEST(RowKernels, LogIsWithinOneUlp) {
  for_each_isa([](const RowKernels& kernels) {
    std::vector<float> x;
    for (uint32_t bits = 1; bits < 0x7f800000u; bits += 4001) x.push_back(std::bit_cast<float>(bits));
    for (uint32_t bits = 0x3f780000u; bits < 0x3f880000u; bits += 7)
      x.push_back(std::bit_cast<float>(bits));  // near 1
    std::vector<float> y(x.size());
    kernels.log(x.data(), y.data(), int64_t(x.size()));
    double worst = 0;
    for (size_t i = 0; i < x.size(); ++i) worst = std::max(worst, ulps(y[i], std::log((long double)x[i])));
    EXPECT_LE(worst, 1.0);
    const float infinity = std::numeric_limits<float>::infinity(),
                edge[] = {0.0f, -1.0f, infinity, NAN, 1.0f};
    float at_edge[5];
    kernels.log(edge, at_edge, 5);
    EXPECT_EQ(at_edge[0], -infinity);
    EXPECT_TRUE(std::isnan(at_edge[1]));
    EXPECT_EQ(at_edge[2], infinity);
    EXPECT_TRUE(std::isnan(at_edge[3]));
    EXPECT_EQ(at_edge[4], 0.0f);
  });
}

TEST(RowKernels, ATailHasTheBitsOfABody) {
  for_each_isa([](const RowKernels& kernels) {
    std::vector<float> x = random_floats(64, 1), whole(64), part(64), gate_whole(64), gate_part(64);
    for (float& v : x) v *= 20;
    kernels.exp(x.data(), whole.data(), 64);
    kernels.gated_act[1][kF32](x.data(), x.data(), gate_whole.data(), 64);
    for (int64_t n = 1; n < 64; ++n) {
      for (const int64_t begin : {int64_t(0), 64 - n}) {
        kernels.exp(x.data() + begin, part.data(), n);
        kernels.gated_act[1][kF32](x.data() + begin, x.data() + begin, gate_part.data(), n);
        for (int64_t i = 0; i < n; ++i) {
          ASSERT_EQ(part[size_t(i)], whole[size_t(begin + i)]) << n << " from " << begin;
          ASSERT_EQ(gate_part[size_t(i)], gate_whole[size_t(begin + i)]) << n << " from " << begin;
        }
      }
    }
  });
}

TEST(RowKernels, NothingIsWrittenBehindTheEnd) {
  for_each_isa([](const RowKernels& kernels) {
    for (int64_t n = 0; n < 40; ++n) {
      const std::vector<float> x = random_floats(size_t(n), 2);
      std::vector<float> y(size_t(n) + 16, 42.0f);
      std::vector<uint16_t> h(size_t(n) + 16, 42);
      kernels.exp(x.data(), y.data(), n);
      kernels.convert[kF32][kBf16](x.data(), h.data(), n);
      for (size_t i = size_t(n); i < y.size(); ++i) {
        ASSERT_EQ(y[i], 42.0f);
        ASSERT_EQ(h[i], 42);
      }
    }
  });
}

TEST(RowKernels, ConversionsHaveTheBitsOfBaseHalf) {
  for_each_isa([](const RowKernels& kernels) {
    std::vector<float> x, back(65536);
    for (uint32_t high = 0; high < 0x10000; ++high)  // ties, and their neighbours
      for (const uint32_t low : {0x7fffu, 0x8000u, 0x8001u})
        x.push_back(std::bit_cast<float>(high << 16 | low));
    std::vector<uint16_t> half(65536), narrowed(x.size());
    for (uint32_t i = 0; i < 65536; ++i) half[i] = uint16_t(i);
    kernels.convert[kBf16][kF32](half.data(), back.data(), 65536);
    for (uint32_t i = 0; i < 65536; ++i) ASSERT_EQ(std::bit_cast<uint32_t>(back[i]), i << 16);
    kernels.convert[kF32][kBf16](x.data(), narrowed.data(), int64_t(x.size()));
    for (size_t i = 0; i < x.size(); ++i) ASSERT_EQ(narrowed[i], to_bf16(x[i]).bits) << x[i];
  });
}

TEST(RowKernels, Reductions) {
  for_each_isa([](const RowKernels& kernels) {
    for (const size_t n : {1u, 15u, 16u, 17u, 64u, 100u, 4097u}) {
      const std::vector<float> x = random_floats(n, 4), y = random_floats(n, 5);
      std::vector<float> e(n);
      long double dot = 0, squares = 0, exps = 0, magnitude = 0;
      float largest = -1;
      for (size_t i = 0; i < n; ++i) {
        dot += (long double)x[i] * y[i];
        magnitude += std::abs(double(x[i]) * y[i]);
        squares += (long double)x[i] * x[i];
        exps += std::exp(double(x[i]) - 0.5);
        largest = std::max(largest, x[i]);
      }
      EXPECT_NEAR(kernels.dot[kF32][kF32](x.data(), y.data(), int64_t(n)), double(dot),
                  double(1e-6L * magnitude));
      EXPECT_NEAR(kernels.sum_squares(x.data(), int64_t(n)), double(squares), double(1e-14L * squares));
      EXPECT_NEAR(kernels.exp_sum(x.data(), 0.5f, nullptr, int64_t(n)), double(exps), double(1e-6L * exps));
      EXPECT_EQ(kernels.exp_sum(x.data(), 0.5f, e.data(), int64_t(n)),
                kernels.exp_sum(x.data(), 0.5f, nullptr, int64_t(n)));
      EXPECT_NEAR(e[n - 1], std::exp(double(x[n - 1]) - 0.5), 1e-6);
      EXPECT_EQ(kernels.max(x.data(), int64_t(n)), largest);
    }
    EXPECT_EQ(kernels.max(nullptr, 0), -std::numeric_limits<float>::infinity());
  });
}

TEST(RowKernels, AxpyAndScale) {
  for_each_isa([](const RowKernels& kernels) {
    const std::vector<float> x = random_floats(37, 6);
    std::vector<float> y = random_floats(37, 7), expected = y, scaled(37);
    for (size_t i = 0; i < 37; ++i) expected[i] += 0.25f * x[i];
    kernels.axpy(0.25f, x.data(), y.data(), 37);
    kernels.scale[kF32][kF32](x.data(), -3.0f, scaled.data(), 37);
    for (size_t i = 0; i < 37; ++i) {
      EXPECT_NEAR(y[i], expected[i], 1e-7);
      EXPECT_EQ(scaled[i], -3.0f * x[i]);
    }
  });
}

TEST(TileKernels, GemmOfEveryLayoutAndItsBitsDoNotDependOnTheShape) {
  for_each_isa([](const RowKernels& kernels) {
    constexpr int64_t kM = 61, kN = 112, kK = 37;
    const std::vector<float> a = random_floats(kM * kK, 8), b = random_floats(kK * kN, 9),
                             c0 = random_floats(kM * kN, 10);
    for (const bool add : {false, true})
      for (const bool transposed : {false, true}) {
        const int64_t a_row = transposed ? 1 : kK, a_col = transposed ? kM : 1;
        std::vector<float> c = c0;
        kernels.tile->gemm({kM, kN, kK, a.data(), a_row, a_col, b.data(), kN, c.data(), kN, add});
        for (int64_t m = 0; m < kM; ++m)
          for (int64_t n = 0; n < kN; ++n) {
            double sum = add ? c0[size_t(m * kN + n)] : 0;
            for (int64_t k = 0; k < kK; ++k)
              sum += double(a[size_t(m * a_row + k * a_col)]) * b[size_t(k * kN + n)];
            ASSERT_NEAR(c[size_t(m * kN + n)], sum, 2e-6 * kK) << m << ", " << n;
          }
        // Each row alone, in pieces of 16 columns.
        for (int64_t m = 0; m < kM; ++m)
          for (int64_t n = 0; n < kN; n += 16) {
            std::vector<float> piece(c0.begin() + m * kN + n, c0.begin() + m * kN + n + 16);
            kernels.tile->gemm(
                {1, 16, kK, a.data() + m * a_row, a_row, a_col, b.data() + n, kN, piece.data(), 16, add});
            for (int64_t i = 0; i < 16; ++i) ASSERT_EQ(piece[size_t(i)], c[size_t(m * kN + n + i)]);
          }
      }
  });
}

TEST(TileKernels, TransposeFillsMissingRowsWithZeros) {
  for_each_isa([](const RowKernels& kernels) {
    for (const int64_t cols : {1, 16, 24, 64, 80})
      for (const int64_t count : {1, 16, 33, 64}) {
        const std::vector<float> x = random_floats(size_t(count * cols), 11);
        std::vector<uint16_t> h(x.size());
        kernels.convert[kF32][kBf16](x.data(), h.data(), int64_t(x.size()));
        const void *rows[kKeyTile], *half_rows[kKeyTile];
        for (int64_t r = 0; r < count; ++r)
          rows[r] = &x[size_t(r * cols)], half_rows[r] = &h[size_t(r * cols)];
        std::vector<float> out(size_t(cols * kKeyTile), 42.0f), half_out = out;
        kernels.tile->transpose[kF32](rows, count, cols, out.data());
        kernels.tile->transpose[kBf16](half_rows, count, cols, half_out.data());
        for (int64_t c = 0; c < cols; ++c)
          for (int64_t r = 0; r < kKeyTile; ++r) {
            const float expected = r < count ? x[size_t(r * cols + c)] : 0;
            ASSERT_EQ(out[size_t(c * kKeyTile + r)], expected) << r << ", " << c;
            ASSERT_EQ(half_out[size_t(c * kKeyTile + r)], to_float(to_bf16(expected))) << r << ", " << c;
          }
      }
  });
}

}  // namespace
}  // namespace fettle
