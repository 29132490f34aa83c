// Generation: the same forward, against a cache of keys and values.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/network.h"
#include "token/tokenizer.h"

namespace fettle {

struct SamplingOptions {
  bool do_sample = true;
  double temperature = 0.95, top_p = 0.7, repetition_penalty = 1;
  int64_t top_k = 50;  // 0 = off
  int64_t max_new_tokens = 1024;
  uint64_t seed = 0;
};

/// Picks the next token from f32 logits: HF's order (repetition penalty, temperature, top-k, top-p), greedy
/// without do_sample (ties: the lowest id). `seen`: ids so far, for the penalty. `draw`: index of this draw
/// in the answer.
int32_t pick_token(std::span<float> logits, std::span<const int32_t> seen, const SamplingOptions& options,
                   uint32_t draw);

enum class StopReason { stop_token, length, cancelled };

/// A conversation's decoder: keeps the cache of the ids it has seen, and reuses the longest common prefix.
class Generator {
 public:
  /// Cache for `context` tokens in the compute type. Adapters as in Network; all tokens use adapter 0 when
  /// there is one.
  Generator(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops, DType compute,
            int64_t context);
  ~Generator();

  /// Continues `prompt`; on_token is called with each new id and may return false to stop. Error when prompt
  /// and answer do not fit the context.
  StopReason generate(std::span<const int32_t> prompt, std::span<const int32_t> stop_ids,
                      const SamplingOptions& options, const std::function<bool(int32_t)>& on_token);

 private:
  struct Rep;
  std::unique_ptr<Rep> rep_;
};

}  // namespace fettle
