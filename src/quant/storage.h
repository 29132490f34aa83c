// The storage-type table: a row per type, a file per family of types (plain.cpp, gguf_q4.cpp, …). A type
// works the day its row exists (decode), gets fast when an ISA object decodes it, and can be written when it
// has an encoder.
#pragma once

#include <cstdint>
#include <span>

#include "base/dtype.h"
#include "base/half.h"

namespace fettle {

/// `n` is a whole number of blocks. Decoding is exact: the f32 value the format defines, then one rounding
/// for bf16.
using DecodeF32 = void (*)(const std::byte* blocks, int64_t n, float* out) noexcept;
using DecodeBf16 = void (*)(const std::byte* blocks, int64_t n, bf16_t* out) noexcept;
using Encode = void (*)(const float* in, int64_t n, std::byte* out) noexcept;

struct StorageRow {
  DType type;
  DecodeF32 decode_f32;    // the reference, plain C++
  DecodeBf16 decode_bf16;  // the reference for bf16: decode_f32 rounded
  Encode encode;           // null: Fettle reads this type but does not write it
};

std::span<const StorageRow> storage_rows();
/// The row of a type; Error by name ("tensor type IQ2_XS is not supported yet …") when there is none.
const StorageRow& storage(DType type);
bool has_storage(DType type);

/// Decoders of one instruction set (quant/isa/decode.cpp, one object each). A null entry means the reference
/// serves.
struct DecodeTable {
  const char* isa;
  DecodeF32 f32[64];
  DecodeBf16 bf16[64];
};
const DecodeTable& decode_table(const char* isa_name);  // "generic", "avx2", "avx512", "avx512bf16"

/// The decoder to call: the instruction set's where it has one, else the reference. Error when the type has
/// no row.
DecodeF32 f32_decoder(const DecodeTable& table, DType type);
DecodeBf16 bf16_decoder(const DecodeTable& table, DType type);

}  // namespace fettle
