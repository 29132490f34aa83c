// NumPy's default generator: the one `datasets` draws with, so that an interleaving here is the one there.
#pragma once

#include <cstdint>

namespace fettle {

/// numpy.random.default_rng(seed).random(): SeedSequence and PCG64 (XSL-RR), doubles in [0, 1).
class NumpyRandom {
 public:
  explicit NumpyRandom(uint64_t seed);
  double next();

 private:
  __extension__ using Wide = unsigned __int128;
  void step();

  Wide state_ = 0, increment_ = 0;
};

}  // namespace fettle
