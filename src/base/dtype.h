// Every element and block type a file or a buffer can hold: its name, and how many bytes its blocks take.
// What can be decoded or encoded is another table (quant/storage.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace fettle {

enum class DType : uint8_t {
  f32,
  f16,
  bf16,
  f64,
  f8_e4m3,
  f8_e5m2,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  boolean,
  q4_0,
  q4_1,
  q5_0,
  q5_1,
  q8_0,
  q8_1,
  q2_k,
  q3_k,
  q4_k,
  q5_k,
  q6_k,
  q8_k,
  iq2_xxs,
  iq2_xs,
  iq3_xxs,
  iq1_s,
  iq4_nl,
  iq3_s,
  iq2_s,
  iq4_xs,
  iq1_m,
  tq1_0,
  tq2_0,
  mxfp4,
};

struct DTypeInfo {
  DType type;
  std::string_view name;         // as GGUF writes it: "F32", "Q4_1", …
  std::string_view safetensors;  // as safetensors writes it, empty where it has no name
  int32_t gguf_id;               // id in a GGUF tensor header, -1 where it has none
  int32_t block;                 // elements per block, 1 for plain types
  int32_t block_bytes;
};

std::span<const DTypeInfo> all_dtypes();
const DTypeInfo& info(DType type);
inline std::string_view name(DType type) {
  return info(type).name;
}
const DTypeInfo* dtype_by_gguf_id(uint32_t id);
const DTypeInfo* dtype_by_safetensors_name(std::string_view name);
const DTypeInfo* dtype_by_name(std::string_view name);  // any spelling, case ignored

/// Bytes of one row of `n` elements; n must be a whole number of blocks (FETTLE_CHECK).
int64_t row_bytes(DType type, int64_t n);

}  // namespace fettle
