#include "data/near_duplicates.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>

namespace fettle {

namespace {
constexpr size_t kPiece = 8;           // bytes
constexpr uint64_t kOneIn = 4;         // pieces that are drawn
constexpr size_t kFewest = 8;          // pieces of a text that can be near another
constexpr double kNear = 0.8;          // share of the union
constexpr int64_t kCommonShare = 20;   // a piece in more than a twentieth of the texts says nothing
constexpr int64_t kCommonAtLeast = 8;  // texts

uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 32)) * 0x9E3779B97F4A7C15u;
  return x ^ (x >> 29);
}

/// The drawn pieces of a text, sorted, each once.
std::vector<uint64_t> pieces_of(const std::string& text) {
  std::vector<uint64_t> out;
  for (size_t at = 0; at + kPiece <= text.size(); ++at) {
    uint64_t piece;
    std::memcpy(&piece, text.data() + at, kPiece);
    if (const uint64_t h = mixed(piece); h % kOneIn == 0) out.push_back(h);
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

void drop_common(std::vector<std::vector<uint64_t>>& sketches) {
  std::unordered_map<uint64_t, int64_t> texts_with;
  for (const auto& sketch : sketches) {
    for (const uint64_t h : sketch) ++texts_with[h];
  }
  const int64_t most = std::max(kCommonAtLeast, int64_t(sketches.size()) / kCommonShare);
  for (auto& sketch : sketches) std::erase_if(sketch, [&](uint64_t h) { return texts_with[h] > most; });
}
}  // namespace

std::vector<NearPair> near_duplicates(std::span<const std::string> texts) {
  std::vector<std::vector<uint64_t>> sketches;
  for (const std::string& text : texts) sketches.push_back(pieces_of(text));
  drop_common(sketches);
  std::vector<NearPair> pairs;
  std::unordered_map<uint64_t, std::vector<int64_t>> seen_in;
  std::unordered_map<int64_t, size_t> shared;
  for (int64_t i = 0; i < int64_t(sketches.size()); ++i) {
    const auto& sketch = sketches[size_t(i)];
    if (sketch.size() < kFewest) continue;
    shared.clear();
    for (const uint64_t h : sketch) {
      for (const int64_t j : seen_in[h]) ++shared[j];
      seen_in[h].push_back(i);
    }
    NearPair best{-1, i, 0};
    for (const auto& [j, count] : shared) {
      const double share = double(count) / double(sketch.size() + sketches[size_t(j)].size() - count);
      if (share > best.share || (share == best.share && j < best.first)) best = {j, i, share};
    }
    if (best.share >= kNear) pairs.push_back(best);
  }
  return pairs;
}

}  // namespace fettle
