// The loss on samples that are not trained on: the same forward, without its backward.
#pragma once

#include <atomic>
#include <optional>
#include <vector>

#include "model/network.h"
#include "tune/load_data.h"
#include "tune/objective/cross_entropy.h"

namespace fettle {

/// transformers' mean: of the batches' losses per target, each weighed by its samples. `nll` and `targets`
/// are per sample, in order. With batch_size 1 that is the mean over samples, never the mean over targets.
double mean_of_batches(std::span<const double> nll, std::span<const int64_t> targets, int64_t batch_size);

/// What a batch's loss is taken of.
inline Targets targets_of(const Batch& batch) {
  return {batch.target_rows, batch.target_tokens, batch.cu_targets};
}

struct SetLoss {
  std::string set;  // EvalSet::name
  double loss = 0, seconds = 0;
  int64_t samples = 0, batches = 0;
};

class Evaluation {
 public:
  /// Plans a network without anything saved for a backward. Samples share rows up to `tokens`, or to the
  /// longest sample where that is more; batch_size is a matter of the mean alone.
  Evaluation(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops, DType compute,
             const std::vector<EvalSet>& sets, int64_t batch_size, int64_t tokens);

  int64_t arena_bytes() const { return network_->arena_bytes(); }

  /// Every set in turn, with progress; empty when `stop` (may be null) was raised on the way.
  std::optional<std::vector<SetLoss>> run(Listener& listener, const std::atomic<bool>* stop);

  /// Seconds that one evaluation takes, as its first row promises by its tokens.
  double probe();

 private:
  struct Pack {
    const Dataset* data;
    int64_t begin, end;
  };
  void plan_packs(int64_t tokens);
  void run_pack(const Pack& pack);

  const std::vector<EvalSet>& sets_;
  int64_t batch_size_;
  int32_t adapter_;          // index, -1 without one
  std::vector<Pack> packs_;  // set by set
  std::unique_ptr<Network> network_;
  CrossEntropy objective_;
  Batch batch_;
  std::vector<float> logprob_;
  std::vector<double> nll_;       // of the set under way
  std::vector<int64_t> targets_;  // likewise
};

}  // namespace fettle
