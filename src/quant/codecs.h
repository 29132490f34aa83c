// The reference codecs of every storage type, for the table in storage.cpp. One source file per family of
// types.
//
// Decoding is exact up to one rounding: a block scale has 11 significant bits and a quant at most 8, so d·q
// (and d·sc·q of the K types) fits the 24 bits of f32, and only the minimum rounds. Fused or not, vector or
// scalar: the bits are the same, which is what lets the ISA objects be held to equality.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fettle {

// plain.cpp
void decode_f32(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_f16(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_bf16(const std::byte* blocks, int64_t n, float* out) noexcept;
void encode_f32(const float* in, int64_t n, std::byte* out) noexcept;
void encode_f16(const float* in, int64_t n, std::byte* out) noexcept;
void encode_bf16(const float* in, int64_t n, std::byte* out) noexcept;

// gguf_legacy.cpp: blocks of 32 with one scale, and a minimum in the _1 types
void decode_q4_0(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q4_1(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q5_0(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q5_1(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q8_0(const std::byte* blocks, int64_t n, float* out) noexcept;
void encode_q4_0(const float* in, int64_t n, std::byte* out) noexcept;
void encode_q4_1(const float* in, int64_t n, std::byte* out) noexcept;
void encode_q5_0(const float* in, int64_t n, std::byte* out) noexcept;
void encode_q5_1(const float* in, int64_t n, std::byte* out) noexcept;
void encode_q8_0(const float* in, int64_t n, std::byte* out) noexcept;

// gguf_k.cpp: super-blocks of 256 with scales (and minima) of their own for every 16 or 32
void decode_q2_k(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q3_k(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q4_k(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q5_k(const std::byte* blocks, int64_t n, float* out) noexcept;
void decode_q6_k(const std::byte* blocks, int64_t n, float* out) noexcept;

}  // namespace fettle
