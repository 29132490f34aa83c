#include "kernel/gemm/low_rank_layout.h"

#include "base/rng.h"

namespace fettle {

void dropout_rows(const BatchView& batch, std::span<const Proj> projs, std::vector<DropoutRow>& rows) {
  bool any = false;
  for (int64_t a = 0; a < adapters(projs); ++a) any = any || drops(batch, projs, a);
  if (!any) return;
  rows.clear();
  for (int64_t s = 0; s < batch.sequences(); ++s) {
    // Identity and step are more than one counter holds: a first draw mixes them into the key of the second.
    const uint64_t sample = batch.sample_keys[size_t(s)];
    const Philox mixed =
        philox(batch.seed, uint32_t(sample), uint32_t(sample >> 32), batch.step, uint32_t(Purpose::dropout));
    DropoutRow row{.key = uint64_t(mixed.word[1]) << 32 | mixed.word[0], .salt = mixed.word[2]};
    for (int32_t t = batch.cu_seqlens[size_t(s)]; t < batch.cu_seqlens[size_t(s) + 1]; ++t) {
      row.position = uint32_t(batch.positions[size_t(t)]);
      rows.push_back(row);
    }
  }
}

}  // namespace fettle
