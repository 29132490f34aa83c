#include "kernel/gemm/low_rank_layout.h"

#include "base/rng.h"

namespace fettle {

DropoutRow dropout_row(const BatchView& batch, int64_t row, uint32_t stream) {
  const auto next = std::ranges::upper_bound(batch.cu_seqlens, int32_t(row));
  const uint64_t sample = batch.sample_keys[size_t(next - batch.cu_seqlens.begin()) - 1];
  // Identity and step are more than one counter holds: a first draw mixes them into the key of the second.
  const Philox mixed =
      philox(batch.seed, uint32_t(sample), uint32_t(sample >> 32), batch.step, uint32_t(Purpose::dropout));
  return {.key = uint64_t(mixed.word[1]) << 32 | mixed.word[0],
          .position = uint32_t(batch.positions[size_t(row)]),
          .stream = stream,
          .salt = mixed.word[2]};
}

}  // namespace fettle
