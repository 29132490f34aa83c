#include "base/dtype.h"

#include <algorithm>
#include <cctype>

#include "base/error.h"

namespace fettle {

namespace {
// Sizes: GGUF's block layouts as published with the format; MXFP4 is 1 scale byte + 16 nibble bytes.
constexpr DTypeInfo kTypes[] = {
    {DType::f32, "F32", "F32", 0, 1, 4},
    {DType::f16, "F16", "F16", 1, 1, 2},
    {DType::bf16, "BF16", "BF16", 30, 1, 2},
    {DType::f64, "F64", "F64", 28, 1, 8},
    {DType::f8_e4m3, "F8_E4M3", "F8_E4M3", -1, 1, 1},
    {DType::f8_e5m2, "F8_E5M2", "F8_E5M2", -1, 1, 1},
    {DType::i8, "I8", "I8", 24, 1, 1},
    {DType::i16, "I16", "I16", 25, 1, 2},
    {DType::i32, "I32", "I32", 26, 1, 4},
    {DType::i64, "I64", "I64", 27, 1, 8},
    {DType::u8, "U8", "U8", -1, 1, 1},
    {DType::u16, "U16", "U16", -1, 1, 2},
    {DType::u32, "U32", "U32", -1, 1, 4},
    {DType::u64, "U64", "U64", -1, 1, 8},
    {DType::boolean, "BOOL", "BOOL", -1, 1, 1},
    {DType::q4_0, "Q4_0", "", 2, 32, 18},
    {DType::q4_1, "Q4_1", "", 3, 32, 20},
    {DType::q5_0, "Q5_0", "", 6, 32, 22},
    {DType::q5_1, "Q5_1", "", 7, 32, 24},
    {DType::q8_0, "Q8_0", "", 8, 32, 34},
    {DType::q8_1, "Q8_1", "", 9, 32, 36},
    {DType::q2_k, "Q2_K", "", 10, 256, 84},
    {DType::q3_k, "Q3_K", "", 11, 256, 110},
    {DType::q4_k, "Q4_K", "", 12, 256, 144},
    {DType::q5_k, "Q5_K", "", 13, 256, 176},
    {DType::q6_k, "Q6_K", "", 14, 256, 210},
    {DType::q8_k, "Q8_K", "", 15, 256, 292},
    {DType::iq2_xxs, "IQ2_XXS", "", 16, 256, 66},
    {DType::iq2_xs, "IQ2_XS", "", 17, 256, 74},
    {DType::iq3_xxs, "IQ3_XXS", "", 18, 256, 98},
    {DType::iq1_s, "IQ1_S", "", 19, 256, 50},
    {DType::iq4_nl, "IQ4_NL", "", 20, 32, 18},
    {DType::iq3_s, "IQ3_S", "", 21, 256, 110},
    {DType::iq2_s, "IQ2_S", "", 22, 256, 82},
    {DType::iq4_xs, "IQ4_XS", "", 23, 256, 136},
    {DType::iq1_m, "IQ1_M", "", 29, 256, 56},
    {DType::tq1_0, "TQ1_0", "", 34, 256, 54},
    {DType::tq2_0, "TQ2_0", "", 35, 256, 66},
    {DType::mxfp4, "MXFP4", "", 39, 32, 17},
};

template <class Pred>
const DTypeInfo* find(Pred pred) {
  auto it = std::find_if(std::begin(kTypes), std::end(kTypes), pred);
  return it == std::end(kTypes) ? nullptr : &*it;
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}
}  // namespace

std::span<const DTypeInfo> all_dtypes() {
  return kTypes;
}

const DTypeInfo& info(DType type) {
  const auto index = static_cast<size_t>(type);
  FETTLE_CHECK(index < std::size(kTypes) && kTypes[index].type == type, "dtype {}", index);
  return kTypes[index];
}

const DTypeInfo* dtype_by_gguf_id(uint32_t id) {
  return find([id](const DTypeInfo& t) { return t.gguf_id >= 0 && uint32_t(t.gguf_id) == id; });
}
const DTypeInfo* dtype_by_safetensors_name(std::string_view name) {
  return find([name](const DTypeInfo& t) { return !t.safetensors.empty() && t.safetensors == name; });
}
const DTypeInfo* dtype_by_name(std::string_view name) {
  return find([name](const DTypeInfo& t) { return equal_ignoring_case(t.name, name); });
}

int64_t row_bytes(DType type, int64_t n) {
  const DTypeInfo& t = info(type);
  FETTLE_CHECK(n % t.block == 0, "{} elements are not whole {} blocks", n, t.name);
  return n / t.block * t.block_bytes;
}

}  // namespace fettle
