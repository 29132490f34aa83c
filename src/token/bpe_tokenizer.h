// Byte-level BPE as a whole: added tokens, normalisation, pieces, merges.
#pragma once

#include <vector>

#include "token/added_tokens.h"
#include "token/bpe.h"
#include "token/pretokenizer.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

/// What a loader reads out of a file.
struct BpeTokenizerParts {
  std::vector<bool> in_model;  // by id: text becomes this token by merging (not only by being written out)
  std::vector<BpeMerge> merges;
  bool ignore_merges = false, fuse_unknown = false;
  int32_t unknown = -1;  // stands for bytes without a token
  const PretokenizerRow* pretokenizer = nullptr;
  bool nfc = false;
  std::vector<AddedToken> added;
  SpecialIds special;
};

class BpeTokenizer final : public Tokenizer {
 public:
  BpeTokenizer(std::unique_ptr<const Vocabulary> vocabulary, BpeTokenizerParts parts);

  /// Bytes that are not UTF-8 become the tokens of these bytes.
  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override;
  std::string bytes_of(int32_t id) const override;
  TokenKind kind(int32_t id) const override;
  int64_t vocab_size() const override { return vocabulary_->size(); }
  std::optional<int32_t> id_of(std::string_view token) const override { return vocabulary_->id_of(token); }
  const SpecialIds& special() const override { return special_; }
  std::string describe() const override;

 private:
  void encode_valid(std::string_view text, bool parse_special, std::vector<int32_t>& ids) const;
  void encode_normalized(std::string_view text, bool parse_special, std::vector<int32_t>& ids) const;

  std::unique_ptr<const Vocabulary> vocabulary_;
  Bpe bpe_;
  Pretokenizer pretokenizer_;
  bool nfc_;
  AddedTokenMatcher added_, added_normalized_;
  SpecialIds special_;
};

}  // namespace fettle
