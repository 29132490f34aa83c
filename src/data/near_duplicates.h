// Texts that are almost one another.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace fettle {

/// Two texts that share at least four fifths of their pieces.
struct NearPair {
  int64_t first, second;  // first < second
  double share;
};

/// For every text the earlier one that it shares most with, where that is enough. Pieces are eight bytes long
/// and drawn by their hash, one in four (Broder 1997: sets of shingles, compared by a sketch); those that
/// stand in more than a twentieth of the texts (a template's words) do not count. Texts with few pieces are
/// never near another. Order and result depend on the texts alone.
std::vector<NearPair> near_duplicates(std::span<const std::string> texts);

}  // namespace fettle
