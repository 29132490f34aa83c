#include "token/score_merges.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {
// Splitting takes the square of the length: without a limit a broken file could take hours. Real tokens have
// at most some 100 bytes.
constexpr size_t kLongest = 1024;

// The scores that merges have, best first.
std::vector<double> distinct_scores(std::span<const double> scores) {
  std::vector<double> distinct(scores.begin(), scores.end());
  std::ranges::sort(distinct, std::greater<>());
  distinct.erase(std::ranges::unique(distinct).begin(), distinct.end());
  return distinct;
}

void check(const Vocabulary& vocabulary, std::span<const double> scores, std::string_view key) {
  if (int64_t(scores.size()) != vocabulary.size()) {
    throw Error(
        {.what = fmt::format("{} has {} entries for {} tokens", key, scores.size(), vocabulary.size()),
         .where = vocabulary.where()});
  }
  const auto bad = std::ranges::find_if(scores, [](double s) { return std::isnan(s); });
  if (bad != scores.end()) {
    throw Error({.what = fmt::format("{}[{}] is not a number", key, bad - scores.begin()),
                 .where = vocabulary.where()});
  }
}

// Calls `merge(left, right)` for every way to cut the form in two tokens.
template <class Merge>
void each_split(const Vocabulary& vocabulary, const std::vector<bool>& in_model, std::string_view form,
                const Merge& merge) {
  const auto token = [&](std::string_view part) {
    const std::optional<int32_t> id = vocabulary.id_of(part);
    return id && in_model[size_t(*id)] ? id : std::nullopt;
  };
  size_t at = 0;
  for (next_code_point(form, at); at < form.size(); next_code_point(form, at)) {
    const auto left = token(form.substr(0, at));
    const auto right = left ? token(form.substr(at)) : std::nullopt;
    if (right) merge(*left, *right);
  }
}
}  // namespace

RankedMerges merges_by_score(const Vocabulary& vocabulary, const std::vector<bool>& in_model,
                             std::span<const double> scores, std::string_view key) {
  check(vocabulary, scores, key);
  const std::vector<double> distinct = distinct_scores(scores);
  RankedMerges found;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!in_model[size_t(id)]) continue;
    const std::string& form = vocabulary.form(id);
    if (form.size() > kLongest) {
      throw Error(
          {.what = fmt::format("token {} has {} bytes, expected at most {}", id, form.size(), kLongest),
           .where = vocabulary.where()});
    }
    const auto rank =
        std::ranges::lower_bound(distinct, scores[size_t(id)], std::greater<>()) - distinct.begin();
    each_split(vocabulary, in_model, form, [&](int32_t left, int32_t right) {
      found.merges.push_back({left, right, id});
      found.ranks.push_back(uint32_t(rank));
    });
  }
  return found;
}

namespace {
[[noreturn]] void fail_without_scores(const Vocabulary& vocabulary, const BpeMerge& merge, const char* why) {
  throw Error({.what = fmt::format("the merge of \"{}\" and \"{}\" {}: no scores say that",
                                   vocabulary.form(merge.left), vocabulary.form(merge.right), why),
               .where = vocabulary.where(),
               .hint = "export to export_format: hf, which keeps the tokenizer's files"});
}

std::vector<std::array<int32_t, 3>> sorted(std::span<const BpeMerge> merges) {
  std::vector<std::array<int32_t, 3>> keys;
  for (const BpeMerge& m : merges) keys.push_back({m.left, m.right, m.result});
  std::ranges::sort(keys);
  return keys;
}
}  // namespace

std::vector<float> scores_by_merge(const Vocabulary& vocabulary, const std::vector<bool>& in_model,
                                   const std::vector<bool>& found_first, std::span<const BpeMerge> merges) {
  // Tokens that no merge makes come last: their score is never asked for.
  std::vector<double> scores(size_t(vocabulary.size()), -double(merges.size()));
  std::vector<bool> made(scores.size());
  for (size_t i = 0; i < merges.size(); ++i) {
    const size_t token = size_t(merges[i].result);
    if (made[token] && merges[i - 1].result != merges[i].result)
      fail_without_scores(vocabulary, merges[i], "is not beside the others that make the same token");
    if (!made[token]) scores[token] = -double(i);
    made[token] = true;
  }
  const auto listed = sorted(merges);
  for (const BpeMerge& m : merges_by_score(vocabulary, in_model, scores, "merges").merges) {
    if (!found_first[size_t(m.result)] &&
        !std::ranges::binary_search(listed, std::array{m.left, m.right, m.result}))
      fail_without_scores(vocabulary, m, "is not listed");
  }
  return {scores.begin(), scores.end()};
}

}  // namespace fettle
