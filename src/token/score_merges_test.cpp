#include "token/score_merges.h"

#include <gtest/gtest.h>

#include <set>
#include <tuple>

#include "base/error.h"

namespace fettle {

namespace {
using Row = std::tuple<std::string, std::string, uint32_t>;  // left, right, rank

std::set<Row> merges(std::vector<std::string> forms, std::vector<double> scores,
                     std::vector<bool> in_model = {}) {
  const Vocabulary vocabulary(forms, std::vector<TokenKind>(forms.size(), TokenKind::normal), "test");
  if (in_model.empty()) in_model.assign(forms.size(), true);
  const auto [list, ranks] = merges_by_score(vocabulary, in_model, scores, "scores");
  std::set<Row> rows;
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string left = forms[size_t(list[i].left)], right = forms[size_t(list[i].right)];
    EXPECT_EQ(left + right, forms[size_t(list[i].result)]);
    EXPECT_TRUE(rows.emplace(left, right, ranks[i]).second);
  }
  return rows;
}

TEST(ScoreMerges, EveryCutInTwoTokens) {
  EXPECT_EQ(merges({"a", "b", "ab", "ba", "aba"}, {-9, -9, -1, -3, -2}),
            (std::set<Row>{{"a", "b", 0}, {"a", "ba", 1}, {"ab", "a", 1}, {"b", "a", 2}}));
  EXPECT_EQ(merges({"a", "bc", "abc"}, {0, 0, 0}), (std::set<Row>{{"a", "bc", 0}}));
  EXPECT_EQ(merges({"ab", "abc"}, {0, 0}), std::set<Row>{});
}

TEST(ScoreMerges, EqualScoresHaveEqualRanks) {
  EXPECT_EQ(merges({"a", "b", "ab", "aa", "bb"}, {0, 0, -2, -1, -2}),
            (std::set<Row>{{"a", "a", 1}, {"a", "b", 2}, {"b", "b", 2}}));
}

TEST(ScoreMerges, CutsBetweenCharacters) {
  // "é" is two bytes; were they tokens, they would not merge to it.
  EXPECT_EQ(merges({"\u00e9", "\xc3", "\xa9", "a", "a\u00e9"}, {0, 0, 0, 0, -1}),
            (std::set<Row>{{"a", "\u00e9", 1}}));
}

TEST(ScoreMerges, OnlyTokensOfTheModel) {
  EXPECT_EQ(merges({"a", "b", "ab"}, {0, 0, 0}, {true, true, false}), std::set<Row>{});
  EXPECT_EQ(merges({"a", "b", "ab"}, {0, 0, 0}, {true, false, true}), std::set<Row>{});
  EXPECT_EQ(merges({"a", "b", "ab"}, {0, 0, 0}, {false, true, true}), std::set<Row>{});
}

std::vector<float> scores(const std::vector<std::string>& forms, const std::vector<BpeMerge>& merges,
                          std::vector<bool> found_first = {}) {
  const Vocabulary vocabulary(forms, std::vector<TokenKind>(forms.size(), TokenKind::normal), "test");
  found_first.resize(forms.size());
  return scores_by_merge(vocabulary, std::vector<bool>(forms.size(), true), found_first, merges);
}

TEST(ScoreMerges, ScoresOfAListMakeTheListAgain) {
  const std::vector<std::string> forms = {"a", "b", "ab", "ba", "aba"};
  const std::vector<BpeMerge> list = {{1, 0, 3}, {0, 3, 4}, {2, 0, 4}, {0, 1, 2}};
  const std::vector<float> s = scores(forms, list);
  EXPECT_GT(s[3], s[4]);
  EXPECT_GT(s[4], s[2]);
  EXPECT_GT(s[2], s[0]) << "what no merge makes is last";
  EXPECT_EQ(merges(forms, {s.begin(), s.end()}),
            (std::set<Row>{{"b", "a", 0}, {"a", "ba", 1}, {"ab", "a", 1}, {"a", "b", 2}}));
}

TEST(ScoreMerges, ListsThatNoScoresMake) {
  const std::vector<std::string> forms = {"a", "b", "ab", "ba", "aba"};
  const std::vector<BpeMerge> apart = {{1, 0, 3}, {0, 3, 4}, {0, 1, 2}, {2, 0, 4}},
                              gap = {{1, 0, 3}, {0, 3, 4}, {0, 1, 2}};
  EXPECT_THROW(scores(forms, apart), Error);
  EXPECT_THROW(scores(forms, gap), Error);
  EXPECT_NO_THROW(scores(forms, gap, {false, false, false, false, true}));
}
}  // namespace

}  // namespace fettle
