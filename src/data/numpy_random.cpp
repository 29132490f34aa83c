// SeedSequence and PCG64 as NumPy defines them (O'Neill, "PCG: A Family of Simple Fast Space-Efficient
// Statistically Good Algorithms for Random Number Generation", 2014).
#include "data/numpy_random.h"

#include <array>
#include <bit>
#include <cstddef>

namespace fettle {

namespace {

constexpr int kPoolSize = 4;

/// The hash whose constant moves on with every value.
class Hash {
 public:
  Hash(uint32_t constant, uint32_t multiplier) : constant_(constant), multiplier_(multiplier) {}
  uint32_t operator()(uint32_t value) {
    value ^= constant_;
    constant_ *= multiplier_;
    value *= constant_;
    return value ^ (value >> 16);
  }

 private:
  uint32_t constant_, multiplier_;
};

uint32_t joined(uint32_t x, uint32_t y) {
  const uint32_t z = 0xca01f9ddu * x - 0x4973f715u * y;
  return z ^ (z >> 16);
}

/// SeedSequence(seed).generate_state(4, uint64).
std::array<uint64_t, 4> seed_state(uint64_t seed) {
  std::array<uint32_t, kPoolSize> pool{};
  Hash entropy(0x43b0d7e5u, 0x931e8875u);
  for (int i = 0; i < kPoolSize; ++i) pool[std::size_t(i)] = entropy(i < 2 ? uint32_t(seed >> (32 * i)) : 0);
  for (std::size_t from = 0; from < kPoolSize; ++from)
    for (std::size_t to = 0; to < kPoolSize; ++to)
      if (from != to) pool[to] = joined(pool[to], entropy(pool[from]));
  Hash output(0x8b51f9ddu, 0x58f38dedu);
  std::array<uint64_t, 4> state{};
  for (std::size_t word = 0; word < 2 * state.size(); ++word)
    state[word / 2] |= uint64_t(output(pool[word % kPoolSize])) << (32 * (word % 2));
  return state;
}

}  // namespace

NumpyRandom::NumpyRandom(uint64_t seed) {
  const std::array<uint64_t, 4> words = seed_state(seed);
  increment_ = ((Wide(words[2]) << 64 | words[3]) << 1) | 1;
  step();
  state_ += Wide(words[0]) << 64 | words[1];
  step();
}

void NumpyRandom::step() {
  constexpr Wide kMultiplier = Wide(0x2360ed051fc65da4u) << 64 | 0x4385df649fccf645u;
  state_ = state_ * kMultiplier + increment_;
}

double NumpyRandom::next() {
  step();
  const uint64_t folded = uint64_t(state_ >> 64) ^ uint64_t(state_);
  return double(std::rotr(folded, int(state_ >> 122)) >> 11) * 0x1p-53;
}

}  // namespace fettle
