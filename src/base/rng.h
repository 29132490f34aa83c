// Counter-based random numbers: a draw is a pure function of (seed, purpose, step, stream, index), so no draw
// depends on threads, on what was drawn before, or on where a sample lies in a pack; and there is no state to
// save. Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC'11).
#pragma once

#include <cstdint>

namespace fettle {

enum class Purpose : uint32_t { init = 1, shuffle = 2, dropout = 3, sample = 4, probe = 5, split = 6 };

/// Four 32-bit words for one counter and key.
struct Philox {
  uint32_t word[4];
};

inline Philox philox(uint64_t seed, uint32_t c0, uint32_t c1, uint32_t c2, uint32_t c3) {
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  uint32_t x0 = c0, x1 = c1, x2 = c2, x3 = c3;
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * x0, p1 = uint64_t(0xCD9E8D57u) * x2;
    x0 = uint32_t(p1 >> 32) ^ x1 ^ k0;
    x1 = uint32_t(p1);
    x2 = uint32_t(p0 >> 32) ^ x3 ^ k1;
    x3 = uint32_t(p0);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return {{x0, x1, x2, x3}};
}

/// 24 random bits as a float in [0, 1).
inline float unit_float(uint32_t word) {
  return float(word >> 8) * 0x1p-24f;
}

/// A stream of draws for code that runs once and in order (initialisation, shuffling, sampling).
class Rng {
 public:
  Rng(uint64_t seed, Purpose purpose, uint32_t step = 0, uint32_t stream = 0)
      : seed_(seed), purpose_(uint32_t(purpose)), step_(step), stream_(stream) {}

  uint32_t next_u32() {
    if (at_ % 4 == 0) block_ = philox(seed_, at_ / 4, stream_, step_, purpose_);
    return block_.word[at_++ % 4];
  }
  float next_float() { return unit_float(next_u32()); }
  /// Uniform in [0, n), without the bias of a remainder (Lemire 2019).
  uint32_t below(uint32_t n) {
    uint64_t m = uint64_t(next_u32()) * n;
    if (uint32_t(m) < n) {
      const uint32_t threshold = (0u - n) % n;
      while (uint32_t(m) < threshold) m = uint64_t(next_u32()) * n;
    }
    return uint32_t(m >> 32);
  }

 private:
  uint64_t seed_;
  uint32_t purpose_, step_, stream_;
  uint32_t at_ = 0;
  Philox block_{};
};

}  // namespace fettle
