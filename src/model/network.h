// The one forward, and the backward over the same block list reversed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/plan.h"
#include "model/lora.h"
#include "model/model.h"
#include "model/objective.h"
#include "model/recompute.h"

namespace fettle {

struct NetworkOptions {
  DType compute = DType::f32;  // f32 or bf16
  bool training = false;       // saves for the backward
  Recompute recompute = Recompute::none;
  int64_t max_tokens = 0, max_sequences = 0, max_targets = 0;  // capacities of one batch
};

/// A line of the memory plan.
struct PlanLine {
  std::string name;
  int64_t bytes;
};

class Network {
 public:
  /// Adapters by index (what Segment::adapter names); may be empty. Plans and reserves the step arena.
  Network(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops,
          const NetworkOptions& options);
  ~Network();

  const Model& model() const;
  const NetworkOptions& options() const;
  std::vector<PlanLine> plan() const;
  /// Of plan(): what the network itself reserves, everything but weights, adapters and the kernels' scratch.
  int64_t arena_bytes() const;

  /// Inference: runs the batch against each layer's keys and values (kv[layer]), which receive this batch's.
  /// `rows`, ascending: whose logits are wanted; the last MLP runs on no others.
  void forward(const BatchView& batch, std::span<const int32_t> rows, std::span<const KvView> kv);
  /// After forward(): logits of its rows into out [rows, vocab] f32.
  void logits(Buf out);

  /// Training: forward, head and objective, backward; adds to the adapters' gradients. Returns the loss
  /// contribution; logprob (size = targets) receives log p of every target.
  double train(const BatchView& batch, const Targets& targets, Objective& objective,
               std::span<float> logprob);
  /// The same without the backward: evaluation.
  double evaluate(const BatchView& batch, const Targets& targets, Objective& objective,
                  std::span<float> logprob);

  /// Runs the forward once more and names the first block whose output is not finite ("layer 3, mlp"); empty
  /// when every output is. For the message of a run that failed.
  std::string first_non_finite(const BatchView& batch, const Targets& targets);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace fettle
