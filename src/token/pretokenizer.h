// Cuts text into pieces that merges never cross. Which regular expressions do it is a table with one row for
// each kind.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

struct PretokenizerRow {
  std::string_view name;
  std::string_view gguf;  // the `tokenizer.ggml.pre` values that mean it, separated by spaces
  /// As tokenizer.json writes them. Each splits the pieces of the one before; matches and gaps all are
  /// pieces.
  std::array<std::string_view, 6> patterns;
  // What a GGUF file with this row leaves unsaid; a tokenizer.json says it itself.
  bool ignore_merges = false, add_bos = false, nfc = false;

  std::span<const std::string_view> steps() const;
};

std::span<const PretokenizerRow> pretokenizers();
/// Null when there is no such row.
const PretokenizerRow* pretokenizer_by_gguf_name(std::string_view pre);
const PretokenizerRow* pretokenizer_by_patterns(std::span<const std::string_view> patterns);
/// For hints: "gpt-2, smollm, …".
std::string pretokenizer_names();

/// What tokenizer.json's ByteLevel and Digits steps stand for.
extern const std::string_view kGpt2Pattern, kDigitPattern, kDigitsPattern;

/// A row ready to run. Immutable after construction. Characters are classed by PCRE2's Unicode tables (14.0
/// in 10.42): in a sweep of all assigned ones the reference library differed on 120 digits added since.
class Pretokenizer {
 public:
  explicit Pretokenizer(const PretokenizerRow& row);
  ~Pretokenizer();
  Pretokenizer(const Pretokenizer&) = delete;
  Pretokenizer& operator=(const Pretokenizer&) = delete;

  const PretokenizerRow& row() const { return row_; }
  /// The pieces of `text` in order; together they are the text. The text must be valid UTF-8.
  std::vector<std::string_view> split(std::string_view text) const;

 private:
  struct Regex;
  const PretokenizerRow& row_;
  std::vector<std::unique_ptr<Regex>> steps_;
};

}  // namespace fettle
