#include "token/bpe.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

#include "base/error.h"

namespace fettle {

namespace {
using Ids = std::vector<int32_t>;

// Tokens by their bytes and merges by what they join; ids and ranks are places in the lists.
BpeModel model(std::vector<std::string> tokens, std::vector<std::pair<std::string, std::string>> merges) {
  std::map<std::string, int32_t> id;
  for (size_t i = 0; i < tokens.size(); ++i) id[tokens[i]] = int32_t(i);
  BpeModel m{.bytes = std::move(tokens)};
  for (const auto& [left, right] : merges)
    m.merges.push_back({id.at(left), id.at(right), id.at(left + right)});
  return m;
}

Ids encode(const Bpe& bpe, std::string_view piece) {
  Ids ids;
  bpe.encode(piece, ids);
  return ids;
}

Ids encode(BpeModel m, std::string_view piece) {
  return encode(Bpe(std::move(m)), piece);
}

// The definition: while a pair merges, the lowest rank does, leftmost first.
Ids by_definition(const BpeModel& m, std::string_view piece) {
  Ids ids;
  for (char c : piece)
    ids.push_back(int32_t(std::ranges::find(m.bytes, std::string(1, c)) - m.bytes.begin()));
  for (;;) {
    size_t best_rank = m.merges.size(), best = 0;
    for (size_t i = 0; i + 1 < ids.size(); ++i) {
      for (size_t rank = 0; rank < best_rank; ++rank) {
        if (m.merges[rank].left == ids[i] && m.merges[rank].right == ids[i + 1]) {
          best_rank = rank;
          best = i;
        }
      }
    }
    if (best_rank == m.merges.size()) return ids;
    ids[best] = m.merges[best_rank].result;
    ids.erase(ids.begin() + ptrdiff_t(best) + 1);
  }
}

// Merges of random tokens, in an order that need not be one a trainer would find.
BpeModel random_model(std::mt19937& draw) {
  std::vector<std::string> tokens = {"a", "b", "c"};
  std::vector<std::pair<std::string, std::string>> merges;
  std::map<std::string, bool> known;
  while (merges.size() < 25) {
    const std::string left = tokens[draw() % tokens.size()], right = tokens[draw() % tokens.size()];
    const bool is_new = std::ranges::find(tokens, left + right) == tokens.end();
    if (is_new) tokens.push_back(left + right);
    if (!std::exchange(known[left + " " + right], true)) merges.emplace_back(left, right);
  }
  std::ranges::shuffle(merges, draw);
  return model(std::move(tokens), std::move(merges));
}

TEST(Bpe, LowestRankFirstThenLeftmost) {
  const BpeModel m = model({"a", "b", "ab", "ba", "aba"}, {{"b", "a"}, {"a", "b"}, {"a", "ba"}});
  EXPECT_EQ(encode(m, "aba"), (Ids{4}));
  EXPECT_EQ(encode(m, "ab"), (Ids{2}));
  EXPECT_EQ(encode(m, "abab"), (Ids{4, 1}));
  EXPECT_EQ(encode(model({"a", "aa"}, {{"a", "a"}}), "aaa"), (Ids{1, 0}));
  EXPECT_EQ(encode(m, ""), Ids{});
}

TEST(Bpe, ShortAndLongPiecesFollowTheDefinition) {
  std::mt19937 draw(1);
  for (int round = 0; round < 20; ++round) {
    const BpeModel m = random_model(draw);
    const Bpe bpe(m);
    for (int size : {1, 2, 5, 31, 32, 33, 34, 90, 300}) {
      std::string piece;
      for (int i = 0; i < size; ++i) piece += char('a' + draw() % 3);
      EXPECT_EQ(encode(bpe, piece), by_definition(m, piece)) << piece;
    }
  }
}

TEST(Bpe, LongPiecesOfOneLetter) {
  std::vector<std::string> tokens = {"a"};
  std::vector<std::pair<std::string, std::string>> merges;
  for (int i = 0; i < 10; ++i) {
    merges.emplace_back(tokens.back(), tokens.back());
    tokens.push_back(tokens.back() + tokens.back());
  }
  EXPECT_EQ(encode(model(tokens, merges), std::string(100'000, 'a')).size(),
            100'000u / 1024 + 3);  // 672 = 512+128+32
}

TEST(Bpe, RanksMayBeGivenAndEqual) {
  BpeModel m = model({"a", "b", "ab", "ba", "bb"}, {{"a", "b"}, {"b", "a"}, {"b", "b"}});
  EXPECT_EQ(encode(m, "bab"), (Ids{1, 2}));
  m.ranks = {7, 7, 3};
  EXPECT_EQ(encode(m, "bab"), (Ids{3, 1})) << "leftmost of equals";
  EXPECT_EQ(encode(m, "abba"), (Ids{0, 4, 0}));
}

TEST(Bpe, CharactersWithTheirBytesBehindThem) {
  BpeModel m = model({"a", "\u00e9", "a\u00e9", "<C3>", "<A8>", "?"}, {{"a", "\u00e9"}});
  m.bytes[3] = m.bytes[4] = "";
  m.characters = true;
  m.byte_tokens[0xc3] = 3;
  m.byte_tokens[0xa8] = 4;
  EXPECT_EQ(encode(m, "a\u00e9\u00e8"), (Ids{2, 3, 4}));
  EXPECT_EQ(encode(m, "\xc3"), (Ids{3})) << "a broken character is its bytes";
  EXPECT_EQ(encode(m, "a\u00eaa"), (Ids{0, 0})) << "one of its bytes has no token";
  m.unknown = 5;
  EXPECT_EQ(encode(m, "a\u00ea\u00eaa"), (Ids{0, 5, 5, 0}));
  m.fuse_unknown = true;
  EXPECT_EQ(encode(m, "a\u00ea\u00ea\u00e8\u00eaa"), (Ids{0, 5, 3, 4, 5, 0}));
}

TEST(Bpe, TokensThatMergesDoNotReachAreOnlyForIgnoreMerges) {
  BpeModel m = model({"a", "b", "abb"}, {});
  EXPECT_EQ(encode(m, "abb"), (Ids{0, 1, 1}));
  m.ignore_merges = true;
  EXPECT_EQ(encode(m, "abb"), (Ids{2}));
  EXPECT_EQ(encode(m, "abba"), (Ids{0, 1, 1, 0}));
}

TEST(Bpe, WhollyMatchingWordsStillObeyTheRanks) {
  // "abc" is a token with a merge, but "bc" merges first and leaves nothing for it.
  const BpeModel m = model({"a", "b", "c", "bc", "ab", "abc"}, {{"b", "c"}, {"a", "b"}, {"ab", "c"}});
  EXPECT_EQ(encode(m, "abc"), (Ids{0, 3}));
}

TEST(Bpe, BytesWithoutAToken) {
  BpeModel m = model({"a", "b", "ab", "?"}, {{"a", "b"}});
  EXPECT_EQ(encode(m, "axxb"), (Ids{2})) << "left out, the neighbours meet";
  EXPECT_EQ(Bpe(m).missing_bytes(), 253);
  m.unknown = 3;
  EXPECT_EQ(encode(m, "axxbx"), (Ids{0, 3, 3, 1, 3}));
  m.fuse_unknown = true;
  EXPECT_EQ(encode(m, "axxbx"), (Ids{0, 3, 1, 3}));
}

TEST(Bpe, AppendsToWhatIsThere) {
  Ids ids = {7};
  Bpe(model({"a", "b", "ab"}, {{"a", "b"}})).encode("bab", ids);
  EXPECT_EQ(ids, (Ids{7, 1, 2}));
}

TEST(Bpe, APairGivenTwiceCountsWhereItStandsLast) {
  EXPECT_EQ(encode(model({"a", "b", "c", "ab", "bc"}, {{"a", "b"}, {"b", "c"}, {"a", "b"}}), "abc"),
            (Ids{0, 4}));
}

TEST(Bpe, MergesMustNameTokens) {
  BpeModel m = model({"a", "b"}, {});
  m.merges.push_back({0, 1, 2});
  EXPECT_THROW(Bpe{m}, InvariantError);
}
}  // namespace

}  // namespace fettle
