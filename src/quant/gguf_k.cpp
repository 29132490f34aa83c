// GGUF's K types: super-blocks of 256 elements. Q6_K today.
#include <cstring>

#include "base/half.h"
#include "quant/codecs.h"

namespace fettle {

namespace {
constexpr int kSuperBlock = 256;

struct Q6_K {
  uint8_t ql[128];  // low four bits
  uint8_t qh[64];   // high two bits
  int8_t scales[16];
  f16_t d;
};
static_assert(sizeof(Q6_K) == 210);

// A half of 128 elements is four runs of 32; run k takes its low bits from ql[32·(k%2) + l], lower nibble for
// the first two runs, and its high bits from bits 2k of qh[l].
void decode_q6_k_block(const Q6_K& b, float* out) {
  const float d = to_float(b.d);
  for (int half = 0; half < 2; ++half) {
    const uint8_t *ql = b.ql + 64 * half, *qh = b.qh + 32 * half;
    const int8_t* scales = b.scales + 8 * half;
    for (int k = 0; k < 4; ++k) {
      for (int l = 0; l < 32; ++l) {
        const int low = ql[32 * (k % 2) + l] >> (k < 2 ? 0 : 4) & 15, high = qh[l] >> (2 * k) & 3;
        *out++ = d * float(scales[2 * k + l / 16]) * float((low | high << 4) - 32);
      }
    }
  }
}
}  // namespace

void decode_q6_k(const std::byte* blocks, int64_t n, float* out) noexcept {
  for (int64_t i = 0; i < n / kSuperBlock; ++i) {
    Q6_K b;
    std::memcpy(&b, blocks + i * int64_t(sizeof(b)), sizeof(b));
    decode_q6_k_block(b, out + i * kSuperBlock);
  }
}

}  // namespace fettle
