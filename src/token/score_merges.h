// The merges of a vocabulary that has scores instead of a list of them.
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

}  // namespace fettle
