// Tokens that are looked for in the text itself, before it is cut into pieces: "<|im_start|>", "<think>".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

struct AddedToken {
  std::string content;
  int32_t id = -1;
  bool special = false;                 // matched only with parse_special
  bool normalized = false;              // looked for in the normalised text, not in the text as it came
  bool single_word = false;             // not beside a word character
  bool lstrip = false, rstrip = false;  // takes the white space before or behind it along
};

/// A stretch of text, or a token found in it.
struct Segment {
  std::string_view text;
  int32_t id = -1;  // -1: text
};

/// Immutable after construction.
class AddedTokenMatcher {
 public:
  /// Contents must be distinct and not empty (FETTLE_CHECK).
  explicit AddedTokenMatcher(std::vector<AddedToken> tokens);

  /// Cuts `text` (valid UTF-8) at its tokens; empty stretches are left out. Of tokens that begin at the same
  /// place the longest is meant. Without parse_special a special token is text, and so is what overlaps it.
  std::vector<Segment> split(std::string_view text, bool parse_special) const;

 private:
  const AddedToken* longest_at(std::string_view text, size_t at) const;

  std::vector<AddedToken>
      tokens_;  // sorted by content, so that a common prefix is a range: a trie without nodes
  std::array<bool, 256> begins_{};  // bytes that some token begins with
};

}  // namespace fettle
