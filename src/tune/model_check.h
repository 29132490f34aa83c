// Does a model read text at all? A wrong mapping of tensors, a wrong tokenizer or a wrong constant leaves a
// network that runs without complaint and predicts nothing; training on it wastes a night.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/model.h"
#include "token/tokenizer.h"

namespace fettle {

/// One passage as the model sees it, in bits per byte of its UTF-8: comparable across tokenizers.
struct PassageResult {
  std::string_view language;
  int64_t bytes = 0, tokens = 0;
  double bits = 0;      // as written
  double shuffled = 0;  // the same tokens in a random order: what their frequencies alone are worth
  double chance = 0;    // every token equally likely
};

/// The same text under another constant than the model's config gives.
struct AlternativeResult {
  std::string constant;  // "rotary base 1e+06 (the model says 100000)"
  double bits = 0;       // per byte of the passage that the model reads best
};

struct ModelCheck {
  std::vector<PassageResult> passages;
  std::vector<AlternativeResult> alternatives;
  double bound = 0;  // bits per byte that a model of this size stays below in its best language
  std::vector<std::string> findings;  // what is wrong, in sentences; empty: the model is read rightly

  bool sound() const { return findings.empty(); }
  /// The passage with the fewest bits.
  const PassageResult& best() const;
};

/// Runs the built-in passages of three languages (a few hundred tokens each) through the model. Three signs
/// of a wrong reading: no better than chance; more bits per byte than any model of this size needs in its
/// best language; and fewer bits under another constant than under the config's own, for a trained model lies
/// at an optimum of them.
ModelCheck check_model(const std::shared_ptr<const Model>& model, const Tokenizer& tokenizer, Ops& ops,
                       DType compute, Listener& listener);

/// Error with the findings when the model is not read rightly. `more`: a last word for the hint.
void require_sound(const ModelCheck& check, const std::string& where, const std::string& more = "");

/// What the figures of a check say about a model of so many parameters.
std::vector<std::string> findings(const ModelCheck& check, int64_t parameters);

/// Bits per byte that a trained model of so many parameters stays below in its best language.
double bits_bound(int64_t parameters);

}  // namespace fettle
