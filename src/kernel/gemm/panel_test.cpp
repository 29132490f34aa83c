// Packing and the kernels around it: exact, so every comparison is of bits.
#include "kernel/gemm/panel.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/plan.h"
#include "base/rng.h"
#include "kernel/cpu/linear_testing.h"
#include "kernel/gemm/low_rank_layout.h"
#include "kernel/gemm/row_blocks.h"

namespace fettle {
namespace {

using testing::StoredWeight;

template <class Body>
void for_each_packer(const Body& body) {
  for (const IsaRow& r : isa_rows()) {
    if (!r.supported()) continue;
    for (const bool bf16 : {false, true}) {
      SCOPED_TRACE(::testing::Message() << r.name << " bf16 " << bf16);
      body(PanelPacker(panel_kernels(r.isa), decode_table(r.name), bf16));
    }
  }
}

// Element (k, c) of a packed panel.
float panel_at(const PanelPacker& packer, const std::vector<std::byte>& panel, int64_t ld, int64_t k,
               int64_t c) {
  if (!packer.bf16()) return reinterpret_cast<const float*>(panel.data())[k * ld + c];
  return to_float(reinterpret_cast<const bf16_t*>(panel.data())[(k / 2 * ld + c) * 2 + k % 2]);
}

float rounded(double x, bool bf16) {
  return bf16 ? to_float(to_bf16(float(x))) : float(x);
}

TEST(PanelPacker, TransposedHoldsWeightRowsAsColumns) {
  for_each_packer([](const PanelPacker& packer) {
    const StoredWeight w(DType::q8_0, 50, 128, 1);
    for (const int64_t rows : {1, 16, 19, 45})
      for (const int64_t length : {32, 96}) {
        const int64_t padded = round_up(rows, 16), ld = padded + 16;
        std::vector<std::byte> out(size_t(packer.bytes(length, ld)), std::byte{0x7f}),
            scratch(size_t(packer.transpose_scratch(length)));
        packer.transposed(w.view, 3, rows, padded, 32, length, scratch.data(), out.data(), ld);
        for (int64_t k = 0; k < length; ++k)
          for (int64_t c = 0; c < padded; ++c)
            ASSERT_EQ(panel_at(packer, out, ld, k, c),
                      c < rows ? rounded(w.values(3 + c, 32 + k), packer.bf16()) : 0.0f)
                << k << ", " << c;
      }
  });
}

TEST(PanelPacker, OddContractionsEndInAZero) {
  for_each_packer([](const PanelPacker& packer) {
    if (!packer.bf16()) return;
    const StoredWeight w(DType::f32, 16, 5, 1);
    std::vector<std::byte> out(size_t(packer.bytes(5, 16)), std::byte{0x7f}),
        scratch(size_t(packer.transpose_scratch(5)), std::byte{0x7f});
    packer.transposed(w.view, 0, 16, 16, 0, 5, scratch.data(), out.data(), 16);
    for (int64_t c = 0; c < 16; ++c) EXPECT_EQ(panel_at(packer, out, 16, 5, c), 0.0f);
    std::vector<std::byte> straight(size_t(packer.bytes(5, 16)), std::byte{0x7f}),
        decoded(size_t(packer.straight_scratch(5)));
    packer.straight(w.view, 0, 5, 0, 5, 16, decoded.data(), straight.data());
    for (int64_t c = 0; c < 16; ++c) EXPECT_EQ(panel_at(packer, straight, 16, 5, c), 0.0f);
  });
}

TEST(PanelPacker, StraightHoldsWeightRowsAsRowsInSubPanels) {
  for_each_packer([](const PanelPacker& packer) {
    const StoredWeight w(DType::q6_k, 20, 512, 1);
    const int64_t strip = strip_width(w.view, 64);
    ASSERT_EQ(strip, 256);
    for (const int64_t length : {1, 2, 11, 16}) {
      std::vector<std::byte> out(size_t(4 * packer.bytes(length, 64))),
          decoded(size_t(packer.straight_scratch(strip)));
      packer.straight(w.view, 4, length, 256, 256, 64, decoded.data(), out.data());
      for (int64_t sub = 0; sub < 4; ++sub) {
        const std::vector<std::byte> one(out.begin() + sub * packer.bytes(length, 64),
                                         out.begin() + (sub + 1) * packer.bytes(length, 64));
        for (int64_t k = 0; k < length; ++k)
          for (int64_t c = 0; c < 64; ++c)
            ASSERT_EQ(panel_at(packer, one, 64, k, c),
                      rounded(w.values(4 + k, 256 + sub * 64 + c), packer.bf16()));
      }
    }
  });
}

TEST(StripWidth, FallsOnBlockBorders) {
  for (const StorageRow& row : storage_rows()) {
    const WeightView w{.type = row.type};
    EXPECT_EQ(strip_width(w, 64) % info(row.type).block, 0) << name(row.type);
    EXPECT_EQ(strip_width(w, 64) % 64, 0) << name(row.type);
  }
}

TEST(PanelKernels, FinishScalesAddsAndRoundsOnce) {
  for (const IsaRow& r : isa_rows()) {
    if (!r.supported()) continue;
    const PanelKernels& k = panel_kernels(r.isa);
    for (const int64_t n : {1, 15, 16, 64, 77}) {
      std::vector<float> c(size_t(n), 0.0f), bias(size_t(n), 0.0f), y(size_t(n) + 1, 7.0f);
      std::vector<uint16_t> half(size_t(n) + 1, to_bf16(7.0f).bits);
      for (int64_t i = 0; i < n; ++i)
        c[size_t(i)] = float(i) * 0.37f - 3, bias[size_t(i)] = float(i % 5) * 0.25f;
      k.finish[0](c.data(), 0.5f, bias.data(), true, y.data(), n);
      k.finish[1](c.data(), 0.5f, bias.data(), true, half.data(), n);
      for (int64_t i = 0; i < n; ++i) {
        // ±1 ulp of f32: a set with fma may contract.
        const float expected = c[size_t(i)] * 0.5f + bias[size_t(i)] + 7.0f;
        EXPECT_NEAR(y[size_t(i)], expected, 1e-6f);
        EXPECT_NEAR(to_float(bf16_t{half[size_t(i)]}), expected, std::abs(expected) * 0x1.01p-8f);
      }
      EXPECT_EQ(y[size_t(n)], 7.0f);
      EXPECT_EQ(half[size_t(n)], to_bf16(7.0f).bits);
    }
  }
}

// The vector code spells Philox out again: it must be the Philox of base/rng.h, for any range of columns.
TEST(PanelKernels, DropoutIsTheDocumentedDraw) {
  const DropoutRow row{.key = 0x123456789abcdef0ull, .position = 77, .salt = 99};
  for (const IsaRow& r : isa_rows()) {
    if (!r.supported()) continue;
    for (const int64_t first : {0, 5, 64, 130})
      for (const int64_t n : {1, 60, 64, 200}) {
        std::vector<float> out(size_t(n), -1.0f);
        panel_kernels(r.isa).dropout(row, 5, first, n, 1u << 14, 1.25f, out.data());
        for (int64_t i = 0; i < n; ++i) {
          const int64_t c = first + i;
          const Philox drawn = philox(row.key, uint32_t(c / 64 * 8 + c % 8), row.position, 5, row.salt);
          const int64_t q = c % 64 / 8;
          const uint32_t bits = (drawn.word[q / 2] >> (q % 2 * 16)) & 0xffff;
          ASSERT_EQ(out[size_t(i)], bits < (1u << 14) ? 0.0f : 1.25f) << r.name << " " << c;
        }
      }
  }
}

TEST(RowBlocks, CoverEveryRowOnce) {
  RowBlocks blocks;
  const std::vector<std::vector<Segment>> cases = {{},
                                                   {{0, 300, 0}},
                                                   {{0, 3, 0}, {3, 8, 1}, {8, 300, 0}},
                                                   {{0, 1, -1}, {1, 2, 0}, {2, 300, -1}},
                                                   {{0, 150, 1}, {150, 300, 2}}};
  for (const auto& segments : cases)
    for (const int64_t tokens : {300}) {
      blocks.build(segments, tokens, [](int32_t a) { return a != 2; });
      int64_t next = 0, place = 0;
      for (const RowBlock& b : blocks.all()) {
        EXPECT_EQ(b.begin, next);
        EXPECT_EQ(b.place, place);
        EXPECT_LE(b.count, RowBlocks::kMaxRows);
        EXPECT_EQ(b.padded(), round_up(b.count, 16));
        for (const Segment& s : segments)
          if (b.begin >= s.begin && b.begin < s.end) {
            EXPECT_EQ(b.adapter, s.adapter == 2 ? -1 : s.adapter);
          }
        next = b.begin + b.count;
        place += b.padded();
      }
      EXPECT_EQ(next, tokens);
      EXPECT_EQ(blocks.padded_rows(), place);
      for (const int64_t count : {1, 2, 3, 100}) {
        blocks.group(count);
        size_t seen = 0;
        for (int64_t g = 0; g < blocks.groups(); ++g) {
          EXPECT_FALSE(blocks.group_at(g).empty());
          seen += blocks.group_at(g).size();
        }
        EXPECT_EQ(seen, blocks.all().size());
        EXPECT_LE(blocks.groups(), count);
      }
    }
}

TEST(RowBlocks, AdaptersWithoutDeltaDoNotCut) {
  RowBlocks blocks;
  const std::vector<Segment> segments = {{0, 3, 0}, {3, 9, 1}, {9, 20, -1}};
  blocks.build(segments, 20, [](int32_t) { return false; });
  ASSERT_EQ(blocks.all().size(), 1u);
  EXPECT_EQ(blocks.all()[0].count, 20);
}

TEST(ChooseGroups, BalancesThreadsAndKeepsTilesInCache) {
  EXPECT_EQ(choose_groups(16, 9, 2, 768), 1);   // a decoded panel for sixteen rows is dear
  EXPECT_EQ(choose_groups(512, 9, 1, 768), 1);  // one thread has nothing to balance
  EXPECT_EQ(choose_groups(512, 1, 2, 768), 2);  // one panel for two threads
  EXPECT_GE(choose_groups(8192, 100, 1, 768), 8192 / 768);
}

}  // namespace
}  // namespace fettle
