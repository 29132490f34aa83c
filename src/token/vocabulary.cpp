#include "token/vocabulary.h"

#include <fmt/format.h>

#include "base/error.h"

namespace fettle {

Vocabulary::Vocabulary(std::vector<std::string> forms, std::vector<TokenKind> kinds, std::string where)
    : forms_(std::move(forms)), kinds_(std::move(kinds)), where_(std::move(where)) {
  FETTLE_CHECK(forms_.size() == kinds_.size());
  ids_.reserve(forms_.size());
  for (size_t id = 0; id < forms_.size(); ++id) {
    if (forms_[id].empty()) continue;
    const auto [entry, added] = ids_.emplace(forms_[id], int32_t(id));
    if (!added) {
      throw Error({.what = fmt::format("tokens {} and {} are both \"{}\"", entry->second, id, forms_[id]),
                   .where = where_,
                   .hint = "a vocabulary has each token once; convert the file anew"});
    }
  }
}

std::optional<int32_t> Vocabulary::id_of(std::string_view form) const {
  const auto entry = ids_.find(form);
  if (entry == ids_.end()) return std::nullopt;
  return entry->second;
}

BpeMerge resolve_merge(const Vocabulary& vocabulary, std::string_view left, std::string_view right,
                       size_t rank, std::string_view key) {
  const std::string joined = std::string(left) += right;
  BpeMerge merge{};
  const std::pair<std::string_view, int32_t*> parts[] = {
      {left, &merge.left}, {right, &merge.right}, {joined, &merge.result}};
  for (const auto& [form, id] : parts) {
    const std::optional<int32_t> found = vocabulary.id_of(form);
    if (!found) {
      throw Error(
          {.what = fmt::format("{}[{}] merges \"{}\" and \"{}\", but the vocabulary has no token \"{}\"", key,
                               rank, left, right, form),
           .where = vocabulary.where(),
           .hint = "merges and vocabulary do not belong together"});
    }
    *id = *found;
  }
  return merge;
}

std::pair<std::string_view, std::string_view> split_merge(std::string_view text, size_t rank,
                                                          std::string_view key, const std::string& where) {
  const size_t space = text.find(' ');
  if (space == text.npos || space == 0 || space + 1 == text.size() ||
      text.find(' ', space + 1) != text.npos) {
    throw Error({.what = fmt::format("{}[{}] is \"{}\"", key, rank, text),
                 .where = where,
                 .hint = "a merge is two tokens with one space between them"});
  }
  return {text.substr(0, space), text.substr(space + 1)};
}

}  // namespace fettle
