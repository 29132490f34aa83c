#include "format/gguf_types.h"

#include <cstring>
#include <iterator>

namespace fettle {

namespace {
constexpr GgufTypeInfo kTypes[] = {
    {0, "uint8", GgufKind::integer, 1, false},   {1, "int8", GgufKind::integer, 1, true},
    {2, "uint16", GgufKind::integer, 2, false},  {3, "int16", GgufKind::integer, 2, true},
    {4, "uint32", GgufKind::integer, 4, false},  {5, "int32", GgufKind::integer, 4, true},
    {6, "float32", GgufKind::real, 4, true},     {7, "bool", GgufKind::flag, 1, false},
    {8, "string", GgufKind::text, 8, false},     {9, "array", GgufKind::array, 12, false},
    {10, "uint64", GgufKind::integer, 8, false}, {11, "int64", GgufKind::integer, 8, true},
    {12, "float64", GgufKind::real, 8, true},
};
}  // namespace

const GgufTypeInfo* gguf_type_by_id(uint32_t id) {
  return id < std::size(kTypes) ? &kTypes[id] : nullptr;
}

int64_t decode_gguf_integer(const GgufTypeInfo& type, const std::byte* value) {
  uint64_t bits = 0;
  std::memcpy(&bits, value, size_t(type.bytes));
  const int unused = 64 - 8 * type.bytes;
  return type.is_signed ? int64_t(bits << unused) >> unused : int64_t(bits);
}

}  // namespace fettle
