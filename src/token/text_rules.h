// How a vocabulary writes text: what is done to a text before it merges, where merges stop, and what the
// written form of a token stands for.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "token/pretokenizer.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

/// Immutable after construction.
class TextRules {
 public:
  /// Where a stretch of text stands: at the beginning of all text; at the beginning or behind an added token.
  struct Place {
    bool first = true, fresh = true;
  };
  virtual ~TextRules() = default;

  virtual std::string normalized(std::string_view text, Place place) const = 0;
  /// The pieces of normalised text, in order; merges do not cross their borders. They lie in `text`, or in
  /// `room` when it had to be rewritten.
  virtual std::vector<std::string_view> pieces(std::string_view text, Place place,
                                               std::string& room) const = 0;
  /// A token's form as pieces spell it; empty when no piece can.
  virtual std::string spelled(const std::string& form) const = 0;
  /// The bytes that a token stands for in decoded text; not asked for control tokens.
  virtual std::string bytes_of(const std::string& form, TokenKind kind) const = 0;
  /// Whether decoded text begins without the space that its first token may have.
  virtual bool drops_first_space() const = 0;
  /// "byte-level BPE, pre-tokenizer smollm".
  virtual std::string describe() const = 0;
};

/// GPT-2's kind: bytes as printable characters, cut by regular expressions.
class ByteLevelRules final : public TextRules {
 public:
  ByteLevelRules(const PretokenizerRow& row, bool nfc) : pretokenizer_(row), nfc_(nfc) {}

  std::string normalized(std::string_view text, Place place) const override;
  std::vector<std::string_view> pieces(std::string_view text, Place place, std::string& room) const override;
  std::string spelled(const std::string& form) const override;
  std::string bytes_of(const std::string& form, TokenKind kind) const override;
  bool drops_first_space() const override { return false; }
  std::string describe() const override;

 private:
  Pretokenizer pretokenizer_;
  bool nfc_;
};

/// What stands for a space in SentencePiece's vocabularies: U+2581.
inline constexpr std::string_view kSpaceMark = "\u2581";

/// How a SentencePiece vocabulary treats the beginning of text.
struct SpaceMarking {
  enum class Prefix { none, first, fresh };
  Prefix prefix =
      Prefix::none;            // where a mark is put before text: nowhere, at the beginning, at fresh places
  bool unless_marked = false;  // not before text that begins with a mark itself
  bool after_normalizing = false;  // spaces become marks when added tokens have all been found
  bool drops_first_space = false;  // in decoded text
};

/// SentencePiece's kind: spaces as marks; characters without a token as tokens of their bytes ("<0x0A>").
class SpaceMarkRules final : public TextRules {
 public:
  /// Merged tokens of `vocabulary` are those of `in_model`. Text is cut before marks where none of them lies
  /// across (merging the pieces then gives what merging the whole would), unless a whole text may be a token.
  SpaceMarkRules(SpaceMarking marking, const Vocabulary& vocabulary, const std::vector<bool>& in_model,
                 bool whole_may_match);

  std::string normalized(std::string_view text, Place place) const override;
  std::vector<std::string_view> pieces(std::string_view text, Place place, std::string& room) const override;
  std::string spelled(const std::string& form) const override { return form; }
  std::string bytes_of(const std::string& form, TokenKind kind) const override;
  bool drops_first_space() const override { return marking_.drops_first_space; }
  std::string describe() const override;

 private:
  std::string marked(std::string_view text, Place place) const;
  bool cuts_before(std::string_view text, size_t mark) const;

  SpaceMarking marking_;
  bool cuts_ = false;
  std::vector<std::string> before_marks_;  // characters with a mark behind them inside some token
};

}  // namespace fettle
