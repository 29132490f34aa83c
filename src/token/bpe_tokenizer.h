// BPE as a whole: added tokens, the rules by which the vocabulary writes text, merges.
#pragma once

#include <memory>
#include <vector>

#include "token/added_tokens.h"
#include "token/bpe.h"
#include "token/text_rules.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

/// What a loader reads out of a file.
struct BpeTokenizerParts {
  std::vector<bool> in_model;  // by id: text becomes this token by merging (not only by being written out)
  BpeModel model;              // all but its bytes, which follow from vocabulary and rules
  std::vector<AddedToken> added;
  SpecialIds special;
};

class BpeTokenizer final : public Tokenizer {
 public:
  /// Throws Error when two added tokens are the same once normalised.
  BpeTokenizer(std::unique_ptr<const Vocabulary> vocabulary, std::unique_ptr<const TextRules> rules,
               BpeTokenizerParts parts);

  /// Bytes that are not UTF-8 become the tokens of these bytes.
  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;
  std::string bytes_of(int32_t id) const override;
  TokenKind kind(int32_t id) const override;
  int64_t vocab_size() const override { return vocabulary_->size(); }
  std::optional<int32_t> id_of(std::string_view token) const override { return vocabulary_->id_of(token); }
  const SpecialIds& special() const override { return special_; }
  bool drops_first_space() const override { return rules_->drops_first_space(); }
  std::string describe() const override;

 private:
  using Place = TextRules::Place;
  void encode_valid(std::string_view text, bool parse_special, Place place, std::vector<int32_t>& ids) const;
  void encode_normalized(std::string_view text, bool parse_special, Place place,
                         std::vector<int32_t>& ids) const;

  std::unique_ptr<const Vocabulary> vocabulary_;
  std::unique_ptr<const TextRules> rules_;
  Bpe bpe_;
  AddedTokenMatcher added_, added_normalized_;
  SpecialIds special_;
};

}  // namespace fettle
