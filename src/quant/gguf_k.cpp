// GGUF's K types: super-blocks of 256 elements in runs of 32, with a scale (and a minimum in Q2_K, Q4_K,
// Q5_K) of a few bits for every 16 or 32 elements, which itself is scaled by the block's f16.
#include <cstring>

#include "base/half.h"
#include "quant/codecs.h"

namespace fettle {

namespace {
constexpr int kSuperBlock = 256, kRun = 32;

struct Q2_K {
  uint8_t scales[16];  // of every 16 elements: scale in the low nibble, minimum in the high one
  uint8_t qs[64];
  f16_t d, dmin;
};
struct Q3_K {
  uint8_t hmask[32];  // high bits
  uint8_t qs[64];     // low two bits
  uint8_t scales[12];
  f16_t d;
};
struct Q4_K {
  f16_t d, dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};
struct Q5_K {
  f16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];   // fifth bits
  uint8_t qs[128];  // low four bits
};
struct Q6_K {
  uint8_t ql[128];  // low four bits
  uint8_t qh[64];   // high two bits
  int8_t scales[16];
  f16_t d;
};
static_assert(sizeof(Q2_K) == 84 && sizeof(Q3_K) == 110 && sizeof(Q4_K) == 144 && sizeof(Q5_K) == 176 &&
              sizeof(Q6_K) == 210);

struct Scales {
  float d, m;  // an element is d·q − m; without minimum m is 0, which changes no bit
};

// Decodes blocks whose every `Group` elements share scale(block, group); quant(block, run, l) is the
// element's q. Blocks are copied: in a mapped file they lie at odd addresses.
template <class Block, int Group, class Scale, class Quant>
void decode_blocks(const std::byte* blocks, int64_t n, float* out, const Scale& scale, const Quant& quant) {
  for (int64_t i = 0; i < n / kSuperBlock; ++i) {
    Block b;
    std::memcpy(&b, blocks + i * int64_t(sizeof(b)), sizeof(b));
    for (int group = 0; group < kSuperBlock / Group; ++group) {
      const auto [d, m] = scale(b, group);
      for (int at = Group * group; at < Group * (group + 1); ++at) {
        *out++ = d * float(quant(b, at / kRun, at % kRun)) - m;
      }
    }
  }
}

// Two bits of an element: four runs share 32 bytes.
int two_bits(const uint8_t* qs, int run, int l) {
  return qs[kRun * (run / 4) + l] >> (2 * (run % 4)) & 3;
}
// Four bits of an element: two neighbouring runs share 32 bytes.
int four_bits(const uint8_t* qs, int run, int l) {
  return qs[kRun * (run / 2) + l] >> (4 * (run % 2)) & 15;
}

// Six bits each: those of groups 0 to 3 in whole, of the others the low four bits in the last four bytes and
// the high two above the former.
template <class Block>
Scales six_bit_scales(const Block& b, int j) {
  const uint8_t* q = b.scales;
  const int scale = j < 4 ? q[j] & 63 : (q[j + 4] & 15) | q[j - 4] >> 6 << 4;
  const int min = j < 4 ? q[j + 4] & 63 : q[j + 4] >> 4 | q[j] >> 6 << 4;
  return {to_float(b.d) * float(scale), to_float(b.dmin) * float(min)};
}
}  // namespace

void decode_q2_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  const auto scales = [](const Q2_K& b, int j) {
    return Scales{to_float(b.d) * float(b.scales[j] & 15), to_float(b.dmin) * float(b.scales[j] >> 4)};
  };
  decode_blocks<Q2_K, 16>(blocks, n, out, scales,
                          [](const Q2_K& b, int run, int l) { return two_bits(b.qs, run, l); });
}

void decode_q3_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  // Six bits, from -32 on: the low four in the nibbles of eight bytes, the high two in the other four bytes.
  const auto scales = [](const Q3_K& b, int j) {
    const int low = b.scales[j % 8] >> (4 * (j / 8)) & 15, high = b.scales[8 + j % 4] >> (2 * (j / 4)) & 3;
    return Scales{to_float(b.d) * float((low | high << 4) - 32), 0};
  };
  decode_blocks<Q3_K, 16>(blocks, n, out, scales, [](const Q3_K& b, int run, int l) {
    return (two_bits(b.qs, run, l) | (b.hmask[l] >> run & 1) << 2) - 4;
  });
}

void decode_q4_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  decode_blocks<Q4_K, 32>(blocks, n, out, six_bit_scales<Q4_K>,
                          [](const Q4_K& b, int run, int l) { return four_bits(b.qs, run, l); });
}

void decode_q5_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  decode_blocks<Q5_K, 32>(blocks, n, out, six_bit_scales<Q5_K>, [](const Q5_K& b, int run, int l) {
    return four_bits(b.qs, run, l) | (b.qh[l] >> run & 1) << 4;
  });
}

// Of a half (128 elements) the first two runs are low nibbles of ql, the last two the high ones.
void decode_q6_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  const auto scales = [](const Q6_K& b, int j) { return Scales{to_float(b.d) * float(b.scales[j]), 0}; };
  decode_blocks<Q6_K, 16>(blocks, n, out, scales, [](const Q6_K& b, int run, int l) {
    const int half = run / 4, k = run % 4;
    const int low = b.ql[64 * half + kRun * (k % 2) + l] >> (4 * (k / 2)) & 15;
    return (low | two_bits(b.qh, run, l) << 4) - 32;
  });
}

}  // namespace fettle
