// The tokens of a vocabulary by id and by written form.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "token/bpe.h"
#include "token/string_index.h"
#include "token/tokenizer.h"

namespace fettle {

/// Immutable after construction.
class Vocabulary {
 public:
  /// `forms` as the file writes them (byte-level characters for normal tokens), `kinds` likewise by id. An
  /// empty form is a hole. Throws Error at `where` when two ids have the same form.
  Vocabulary(std::vector<std::string> forms, std::vector<TokenKind> kinds, std::string where);
  Vocabulary(const Vocabulary&) = delete;  // ids_ refers to forms_
  Vocabulary& operator=(const Vocabulary&) = delete;

  int64_t size() const { return int64_t(forms_.size()); }
  const std::string& form(int32_t id) const { return forms_[size_t(id)]; }
  TokenKind kind(int32_t id) const { return kinds_[size_t(id)]; }
  std::optional<int32_t> id_of(std::string_view form) const;
  const std::string& where() const { return where_; }

 private:
  std::vector<std::string> forms_;
  std::vector<TokenKind> kinds_;
  std::string where_;
  StringIndex ids_;  // of forms_
};

/// The byte of a form like "<0x0A>"; -1 for any other form.
int byte_of_form(std::string_view form);
/// The tokens of the kind byte. Throws Error when the form of one is another.
ByteTokens byte_tokens_of(const Vocabulary& vocabulary);

/// Merge number `rank` of `left` and `right`. Throws Error naming `key` when a part or the result has no
/// token.
BpeMerge resolve_merge(const Vocabulary& vocabulary, std::string_view left, std::string_view right,
                       size_t rank, std::string_view key);
/// "left right", with exactly one space. Throws Error likewise.
std::pair<std::string_view, std::string_view> split_merge(std::string_view text, size_t rank,
                                                          std::string_view key, const std::string& where);

}  // namespace fettle
