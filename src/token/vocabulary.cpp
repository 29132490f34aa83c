#include "token/vocabulary.h"

#include <fmt/format.h>

#include "base/error.h"

namespace fettle {

Vocabulary::Vocabulary(std::vector<std::string> forms, std::vector<TokenKind> kinds, std::string where)
    : forms_(std::move(forms)),
      kinds_(std::move(kinds)),
      where_(std::move(where)),
      ids_(forms_, forms_.size()) {
  FETTLE_CHECK(forms_.size() == kinds_.size());
  for (size_t id = 0; id < forms_.size(); ++id) {
    if (forms_[id].empty()) continue;
    if (const int32_t first = ids_.insert(int32_t(id)); first != int32_t(id)) {
      throw Error({.what = fmt::format("tokens {} and {} are both \"{}\"", first, id, forms_[id]),
                   .where = where_,
                   .hint = "a vocabulary has each token once; convert the file anew"});
    }
  }
}

std::optional<int32_t> Vocabulary::id_of(std::string_view form) const {
  const int32_t id = ids_.find(form);
  if (id < 0) return std::nullopt;
  return id;
}

int byte_of_form(std::string_view form) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  if (form.size() != 6 || !form.starts_with("<0x") || form[5] != '>') return -1;
  const size_t high = kDigits.find(form[3]), low = kDigits.find(form[4]);
  return high == kDigits.npos || low == kDigits.npos ? -1 : int(16 * high + low);
}

ByteTokens byte_tokens_of(const Vocabulary& vocabulary) {
  ByteTokens tokens = kNoByteTokens;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.kind(id) != TokenKind::byte) continue;
    const int byte = byte_of_form(vocabulary.form(id));
    if (byte < 0) {
      throw Error({.what = fmt::format("token {} stands for a byte, but is \"{}\"", id, vocabulary.form(id)),
                   .where = vocabulary.where(),
                   .hint = "such tokens are written <0x00> to <0xFF>"});
    }
    tokens[size_t(byte)] = id;
  }
  return tokens;
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
