#include "tune/first_settings.h"

#include <algorithm>

#include "base/error.h"
#include "tune/reach.h"

namespace fettle {

namespace {
/// Small sets are seen often and learned from in small steps; large ones need neither.
struct SizeRow {
  int64_t below;  // samples
  int64_t per_update, epochs, rank;
};
constexpr SizeRow kSizes[] = {
    {100, 4, 10, 8}, {500, 8, 6, 8}, {2'000, 8, 3, 8}, {20'000, 16, 2, 16}, {INT64_MAX, 32, 1, 16},
};
constexpr int64_t kEnoughToHoldBack = 100;  // samples
constexpr double kHeldBack = 0.05;
constexpr int64_t kGrain = 64;        // tokens: cutoff_len is a multiple
constexpr int64_t kLeastCutoff = 64;  // below it hardly a question fits
constexpr int64_t kFarLonger = 4;     // times what 99 of 100 samples have
constexpr int64_t kBusy = 2048;       // tokens of a micro-batch beyond which it gets no faster

int64_t rounded_up(int64_t tokens) {
  return (tokens + kGrain - 1) / kGrain * kGrain;
}

int64_t cutoff(std::span<const int64_t> lengths, int64_t context) {
  const int64_t longest = lengths.back(), usual = lengths[(lengths.size() - 1) * 99 / 100];
  const int64_t wanted = longest > kFarLonger * usual ? usual : longest;
  return std::min(std::max(rounded_up(wanted), kLeastCutoff), context);
}

/// The levels in the order of what they cost.
constexpr Recompute kLevels[] = {Recompute::none, Recompute::mlp, Recompute::block};

/// The largest micro-batch that fits, shorter samples when none does.
void fit(FirstSettings& s, int64_t per_update, int64_t usual, const FitsMemory& fits) {
  for (;; s.cutoff_len /= 2) {
    for (const Recompute level : kLevels) {
      s.recompute = level;
      for (s.batch_size = per_update; s.batch_size >= 1; s.batch_size /= 2) {
        const bool busy = s.batch_size > 1 && s.batch_size / 2 * usual >= kBusy;
        if (!busy && fits(level, s.batch_size, s.cutoff_len)) return;
      }
    }
    s.batch_size = 1;
    if (s.cutoff_len / 2 < kLeastCutoff) break;
  }
  s.fits = false;
}
}  // namespace

FirstSettings first_settings(std::span<const int64_t> lengths, int64_t context, const FitsMemory& fits) {
  FETTLE_CHECK(!lengths.empty() && context > 0);
  const auto samples = int64_t(lengths.size());
  const SizeRow& size =
      *std::ranges::find_if(kSizes, [&](const SizeRow& row) { return samples < row.below; });
  FirstSettings s{.cutoff_len = cutoff(lengths, context),
                  .longest = lengths.back(),
                  .epochs = size.epochs,
                  .rank = size.rank,
                  .val_size = samples >= kEnoughToHoldBack ? kHeldBack : 0};
  const int64_t usual = std::min(lengths[lengths.size() / 2], s.cutoff_len);
  fit(s, size.per_update, std::max<int64_t>(usual, 1), fits);
  s.accumulation = size.per_update / s.batch_size;
  s.cut = lengths.end() - std::ranges::upper_bound(lengths, s.cutoff_len);
  const auto trained = int64_t(double(samples) * (1 - s.val_size));
  s.updates = s.epochs * ((trained + size.per_update - 1) / size.per_update);
  s.learning_rate = usual_learning_rate(s.updates);
  return s;
}

}  // namespace fettle
