// GGUF's metadata value types: what reader and writer share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fettle {

enum class GgufKind { integer, real, flag, text, array };

struct GgufTypeInfo {
  uint32_t id;
  std::string_view name;
  GgufKind kind;
  int32_t bytes;  // of a value; the least it takes where the length varies
  bool is_signed;
};

constexpr uint32_t kGgufUint32 = 4, kGgufArray = 9;
constexpr int64_t kGgufAlignment = 32;  // where general.alignment is missing

/// Null when no type has the id.
const GgufTypeInfo* gguf_type_by_id(uint32_t id);

/// The bits of an integer value extended to 64 (by its sign where the type has one).
int64_t decode_gguf_integer(const GgufTypeInfo& type, const std::byte* value);

}  // namespace fettle
