// The merges of a vocabulary that has scores instead of a list of them, and the scores of one that has a
// list.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "token/bpe.h"
#include "token/vocabulary.h"

namespace fettle {

struct RankedMerges {
  std::vector<BpeMerge> merges;
  std::vector<uint32_t> ranks;
};

/// Two tokens of `in_model` merge where what they spell together is a third one: the higher its score the
/// earlier, equal scores at equal rank. Throws Error naming `key` when a score is missing or not a number,
/// and for a token too long to be one that merging makes.
RankedMerges merges_by_score(const Vocabulary& vocabulary, const std::vector<bool>& in_model,
                             std::span<const double> scores, std::string_view key);

/// Scores from which merges_by_score() makes `merges` again, in their order: a token's is the place of the
/// first merge that makes it, negative. `in_model` as there. Throws Error where no scores do: a token made at
/// two places with another's merges between them, or two tokens that spell a third and do not merge (unless
/// that is `found_first`: text never gets as far as merging it).
std::vector<float> scores_by_merge(const Vocabulary& vocabulary, const std::vector<bool>& in_model,
                                   const std::vector<bool>& found_first, std::span<const BpeMerge> merges);

}  // namespace fettle
