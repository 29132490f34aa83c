// Every decoder of every instruction set this CPU has, against the reference, bit for bit.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "base/cpu_features.h"
#include "base/rng.h"
#include "quant/block_testing.h"
#include "quant/storage.h"

namespace fettle {

namespace {
using Bytes = std::vector<std::byte>;

struct Set {
  const char* name;
  bool supported;
};
std::vector<Set> sets() {
  return {{"generic", true},
          {"avx2", cpu_has_avx2()},
          {"avx512", cpu_has_avx512()},
          {"avx512bf16", cpu_has_avx512bf16()}};
}

Bytes random_blocks(DType type, int64_t n, uint64_t seed) {
  Rng rng(seed, Purpose::probe);
  Bytes blocks(size_t(row_bytes(type, n)));
  for (std::byte& b : blocks) b = std::byte(rng.next_u32());
  const int64_t block_bytes = info(type).block_bytes;
  for (int64_t at = 0; at < int64_t(blocks.size()); at += block_bytes) {
    if (type == DType::f32) {  // subnormals and huge values too, but no NaN
      float x;
      std::memcpy(&x, &blocks[size_t(at)], 4);
      if (std::isnan(x)) blocks[size_t(at) + 3] = std::byte{0};
      continue;
    }
    for (int64_t field : testing::half_fields(type)) {
      // Every finite f16: subnormal and largest scales among them. In BF16 the same bits are finite as well.
      auto bits = uint16_t(rng.next_u32());
      if ((bits & 0x7c00) == 0x7c00) bits &= 0x83ff;
      std::memcpy(&blocks[size_t(at + field)], &bits, 2);
    }
  }
  return blocks;
}

// One row starts at an odd address, as rows in a mapped file do, and ends where the allocation ends.
template <class Out, class Decode>
std::vector<Out> decoded(Decode decode, const Bytes& blocks, int64_t n) {
  Bytes shifted(blocks.size() + 1);
  std::memcpy(shifted.data() + 1, blocks.data(), blocks.size());
  std::vector<Out> out(static_cast<size_t>(n));
  decode(shifted.data() + 1, n, out.data());
  return out;
}

template <class Out>
bool same_bits(const std::vector<Out>& a, const std::vector<Out>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(Out)) == 0;
}

std::vector<int64_t> lengths(DType type) {
  const int64_t block = info(type).block;
  if (block > 1) return {block, 3 * block, 64 * block};
  return {1, 7, 8, 15, 16, 17, 40, 4096};  // vector tails
}
}  // namespace

TEST(Decode, EveryInstructionSetEqualsTheReference) {
  for (const Set& set : sets()) {
    if (!set.supported) continue;
    const DecodeTable& table = decode_table(set.name);
    for (const StorageRow& row : storage_rows()) {
      for (int64_t n : lengths(row.type)) {
        const Bytes blocks = random_blocks(row.type, n, uint64_t(n));
        EXPECT_TRUE(same_bits(decoded<float>(f32_decoder(table, row.type), blocks, n),
                              decoded<float>(row.decode_f32, blocks, n)))
            << set.name << " " << name(row.type) << " to f32, n " << n;
        EXPECT_TRUE(same_bits(decoded<bf16_t>(bf16_decoder(table, row.type), blocks, n),
                              decoded<bf16_t>(row.decode_bf16, blocks, n)))
            << set.name << " " << name(row.type) << " to bf16, n " << n;
      }
    }
  }
}

TEST(Decode, EveryFiniteHalf) {
  Bytes blocks;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & 0x7c00) == 0x7c00 && (bits & 0x3ff)) continue;
    blocks.push_back(std::byte(bits & 0xff));
    blocks.push_back(std::byte(bits >> 8));
  }
  const auto n = int64_t(blocks.size() / 2);
  for (const Set& set : sets()) {
    if (!set.supported) continue;
    const DecodeTable& table = decode_table(set.name);
    const StorageRow& row = storage(DType::f16);
    EXPECT_TRUE(same_bits(decoded<float>(f32_decoder(table, DType::f16), blocks, n),
                          decoded<float>(row.decode_f32, blocks, n)))
        << set.name;
    EXPECT_TRUE(same_bits(decoded<bf16_t>(bf16_decoder(table, DType::f16), blocks, n),
                          decoded<bf16_t>(row.decode_bf16, blocks, n)))
        << set.name;
  }
}

// A table that silently fell back to the reference would pass the tests above.
TEST(Decode, TheFastOnesAreThere) {
  for (const Set& set : sets()) {
    const DecodeTable& table = decode_table(set.name);
    EXPECT_STREQ(table.isa, set.name);
    const std::string_view isa = set.name;
    for (const StorageRow& row : storage_rows()) {
      if (row.type == DType::f32 || row.type == DType::bf16) continue;
      const auto type = size_t(row.type);
      EXPECT_EQ(table.f32[type] != nullptr, isa != "generic") << isa << " " << name(row.type);
      EXPECT_EQ(table.bf16[type] != nullptr, isa.starts_with("avx512")) << isa << " " << name(row.type);
    }
  }
  EXPECT_NE(decode_table("avx512").bf16[size_t(DType::q8_0)],
            decode_table("avx512bf16").bf16[size_t(DType::q8_0)]);
}

}  // namespace fettle
