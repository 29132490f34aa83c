// Template text to tokens, white space around tags already as trim_blocks, lstrip_blocks, `-` and `+` want
// it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fettle::jinja {

struct Token {
  enum class Kind : uint8_t {
    text,
    tag_begin,
    tag_end,
    print_begin,
    print_end,
    name,
    whole,
    real,
    string,
    sign,
    end
  };
  Kind kind = Kind::end;
  std::string text;  // a string's characters without quotes and escapes, a number's without `_`
  int line = 1;

  bool is_name(std::string_view word) const { return kind == Kind::name && text == word; }
  bool is_sign(std::string_view sign) const { return kind == Kind::sign && text == sign; }
  /// As a message names it.
  std::string shown() const;
};

/// What a template's text got wrong, and in which of its lines.
struct SyntaxFailure {
  std::string what;
  int line;
};

/// The tokens, the last of kind `end`. SyntaxFailure for text that is not UTF-8, a tag that is not closed, a
/// bracket without its partner, a character that means nothing.
std::vector<Token> tokenize(std::string_view source);

}  // namespace fettle::jinja
