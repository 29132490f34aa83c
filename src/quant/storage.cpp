#include "quant/storage.h"

#include <algorithm>
#include <cstring>

#include "base/error.h"
#include "base/isa.h"
#include "quant/codecs.h"

namespace fettle {

namespace {
// Piece by piece through a small buffer; every block size divides 256.
constexpr int64_t kPiece = 256;

template <DType T, DecodeF32 Decode>
void rounded(const std::byte* blocks, int64_t n, bf16_t* out) noexcept {
  const DTypeInfo& type = info(T);
  float piece[kPiece];
  for (int64_t i = 0; i < n; i += kPiece) {
    const int64_t count = std::min(kPiece, n - i);
    Decode(blocks + i / type.block * type.block_bytes, count, piece);
    for (int64_t j = 0; j < count; ++j) out[i + j] = to_bf16(piece[j]);
  }
}

// BF16 stays as it is, bit for bit: rounding would touch the payload of a NaN.
void copied(const std::byte* blocks, int64_t n, bf16_t* out) noexcept {
  std::memcpy(out, blocks, size_t(n) * 2);
}

template <DType T, DecodeF32 Decode>
constexpr StorageRow row(Encode encode) {
  return {T, Decode, rounded<T, Decode>, encode};
}

constexpr StorageRow kRows[] = {
    row<DType::f32, decode_f32>(encode_f32),         row<DType::f16, decode_f16>(encode_f16),
    {DType::bf16, decode_bf16, copied, encode_bf16}, row<DType::q4_0, decode_q4_0>(encode_q4_0),
    row<DType::q4_1, decode_q4_1>(encode_q4_1),      row<DType::q5_0, decode_q5_0>(encode_q5_0),
    row<DType::q5_1, decode_q5_1>(encode_q5_1),      row<DType::q8_0, decode_q8_0>(encode_q8_0),
    row<DType::q2_k, decode_q2_k>(nullptr),          row<DType::q3_k, decode_q3_k>(nullptr),
    row<DType::q4_k, decode_q4_k>(nullptr),          row<DType::q5_k, decode_q5_k>(nullptr),
    row<DType::q6_k, decode_q6_k>(nullptr),
};

const StorageRow* find(DType type) {
  const auto it = std::ranges::find(kRows, type, &StorageRow::type);
  return it == std::end(kRows) ? nullptr : &*it;
}

std::string names() {
  std::string text;
  for (const StorageRow& r : kRows) text += fmt::format("{}{}", text.empty() ? "" : ", ", name(r.type));
  return text;
}
}  // namespace

FETTLE_ISA_TABLES(const DecodeTable, decode_table)

namespace {
constexpr const DecodeTable* kDecodeTables[] = {&decode_table_generic, &decode_table_avx2,
                                                &decode_table_avx512, &decode_table_avx512bf16};
}  // namespace

std::span<const StorageRow> storage_rows() {
  return kRows;
}

bool has_storage(DType type) {
  return find(type) != nullptr;
}

const StorageRow& storage(DType type) {
  if (const StorageRow* found = find(type)) return *found;
  throw Error({.what = fmt::format("tensor type {} is not supported yet", name(type)),
               .hint = fmt::format("supported types: {}", names())});
}

const DecodeTable& decode_table(const char* isa_name) {
  for (const DecodeTable* table : kDecodeTables) {
    if (std::strcmp(table->isa, isa_name) == 0) return *table;
  }
  FETTLE_CHECK(false, "no instruction set is named {}", isa_name);
}

DecodeF32 f32_decoder(const DecodeTable& table, DType type) {
  const DecodeF32 fast = table.f32[size_t(type)];
  return fast ? fast : storage(type).decode_f32;
}

DecodeBf16 bf16_decoder(const DecodeTable& table, DType type) {
  const DecodeBf16 fast = table.bf16[size_t(type)];
  return fast ? fast : storage(type).decode_bf16;
}

}  // namespace fettle
