#include "data/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/utf8.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

// Longer signs first.
constexpr std::string_view kSigns[] = {"//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
                                       "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool starts_name(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c & 0x80);
}

bool blank(std::string_view text) {
  return strip(text, Side::both).empty();
}

/// One kind of newline, and without the one at the very end.
std::string normalized(std::string_view source) {
  std::string text;
  text.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      text += source[i];
    } else if (i + 1 == source.size() || source[i + 1] != '\n') {
      text += '\n';
    }
  }
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

class Lexer {
 public:
  explicit Lexer(std::string_view source) : source_(normalized(source)) {}

  std::vector<Token> run() {
    while (at_ < source_.size()) {
      const size_t tag = next_tag();
      text_before(tag);
      if (tag < source_.size()) read_tag();
    }
    add(Token::Kind::end, "");
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(std::string what) const { throw SyntaxFailure{std::move(what), line_}; }

  void add(Token::Kind kind, std::string text) { tokens_.push_back({kind, std::move(text), line_}); }

  std::string_view rest() const { return std::string_view(source_).substr(at_); }
  bool here(std::string_view word) const { return rest().starts_with(word); }
  void advance(size_t count) {
    line_ += int(std::count(source_.begin() + int64_t(at_), source_.begin() + int64_t(at_ + count), '\n'));
    at_ += count;
  }
  void skip_space() { advance(rest().size() - strip(rest(), Side::left).size()); }

  size_t next_tag() const {
    for (size_t at = source_.find('{', at_); at < source_.size(); at = source_.find('{', at + 1))
      if (at + 1 < source_.size() && std::string_view("{%#").find(source_[at + 1]) != std::string_view::npos)
        return at;
    return source_.size();
  }

  /// What stands between here and a tag, less what the tag strips on its left.
  std::string_view stripped_text(size_t tag) const {
    std::string_view text = std::string_view(source_).substr(at_, tag - at_);
    if (tag + 2 >= source_.size()) return text;
    const char mark = source_[tag + 2];
    if (mark == '-') return strip(text, Side::right);
    if (mark == '+' || source_[tag + 1] == '{') return text;
    const size_t newline = text.rfind('\n');
    const size_t line_begin = newline == text.npos ? 0 : newline + 1;
    if ((line_begin > 0 || line_starts_) && blank(text.substr(line_begin))) return text.substr(0, line_begin);
    return text;
  }

  void text_before(size_t tag) {
    const std::string_view text = tag < source_.size() ? stripped_text(tag) : rest();
    if (!text.empty()) add(Token::Kind::text, std::string(text));
    advance(tag - at_);
  }

  void read_tag() {
    const char kind = source_[at_ + 1];
    if (kind == '#') return skip_comment();
    if (kind == '%' && read_raw()) return;
    add(kind == '%' ? Token::Kind::tag_begin : Token::Kind::print_begin, std::string(rest().substr(0, 2)));
    const int begin = line_;
    advance(2);
    if (here("-") || here("+")) advance(1);
    brackets_.clear();
    while (!read_tag_end(kind)) {
      if (rest().empty())
        throw SyntaxFailure{kind == '%' ? "a {% that no %} closes" : "a {{ that no }} closes", begin};
      read_token();
    }
  }

  void skip_comment() {
    const size_t end = source_.find("#}", at_ + 2);
    if (end == source_.npos) fail("a {# that no #} closes");
    const char mark = end > at_ + 2 ? source_[end - 1] : ' ';
    advance(end + 2 - at_);
    after_tag(mark, /*trims=*/true);
  }

  /// White space that the end of a tag takes along.
  void after_tag(char mark, bool trims) {
    const size_t before = at_;
    if (mark == '-')
      skip_space();
    else if (mark != '+' && trims && here("\n"))
      advance(1);
    line_starts_ = at_ > before && source_[at_ - 1] == '\n';
  }

  /// The end of a tag when it stands here: not while a bracket is open.
  bool read_tag_end(char kind) {
    skip_space();
    if (!brackets_.empty()) return false;
    const std::string_view close = kind == '%' ? "%}" : "}}";
    const char mark = rest().empty() ? ' ' : rest()[0];
    const bool marked = (mark == '-' || (mark == '+' && kind == '%')) && rest().substr(1).starts_with(close);
    if (!marked && !here(close)) return false;
    add(kind == '%' ? Token::Kind::tag_end : Token::Kind::print_end, std::string(close));
    advance(close.size() + (marked ? 1 : 0));
    after_tag(marked ? mark : ' ', kind == '%');
    return true;
  }

  /// {% raw %} … {% endraw %}: text as it stands.
  bool read_raw() {
    const size_t open = raw_tag("raw");
    if (!open) return false;
    const bool strips = source_[at_ + open - 3] == '-';
    advance(open);
    if (strips) skip_space();
    line_starts_ = false;
    for (size_t tag = source_.find("{%", at_); tag != source_.npos; tag = source_.find("{%", tag + 2)) {
      const size_t before = at_;
      at_ = tag;
      const size_t close = raw_tag("endraw");
      at_ = before;
      if (!close) continue;
      text_before(tag);
      const char mark = source_[at_ + close - 3];
      advance(close);
      after_tag(mark, /*trims=*/true);
      return true;
    }
    fail("a {% raw %} that no {% endraw %} ends");
  }

  /// How long the tag `{% word %}` is that stands here; 0 when another one does.
  size_t raw_tag(std::string_view word) const {
    std::string_view text = rest().substr(2);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    text = strip(text, Side::left);
    if (!text.starts_with(word)) return 0;
    text = strip(text.substr(word.size()), Side::left);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    return text.starts_with("%}") ? rest().size() - text.size() + 2 : 0;
  }

  void read_token() {
    const char c = rest()[0];
    if (starts_name(c)) return read_name();
    if (is_digit(c)) return read_number();
    if (c == '"' || c == '\'') return read_string(c);
    const auto sign =
        std::find_if(std::begin(kSigns), std::end(kSigns), [&](auto word) { return here(word); });
    if (sign == std::end(kSigns)) fail(fmt::format("`{}` means nothing in a tag", c));
    track_bracket(*sign);
    add(Token::Kind::sign, std::string(*sign));
    advance(sign->size());
  }

  void track_bracket(std::string_view sign) {
    constexpr std::string_view kOpen = "([{", kClose = ")]}";
    if (kOpen.find(sign) != kOpen.npos) return brackets_.push_back(kClose[kOpen.find(sign)]);
    if (kClose.find(sign) == kClose.npos) return;
    if (brackets_.empty() || brackets_.back() != sign[0])
      fail(brackets_.empty() ? fmt::format("`{}` closes nothing", sign)
                             : fmt::format("`{}` stands where `{}` must close", sign, brackets_.back()));
    brackets_.pop_back();
  }

  void read_name() {
    size_t length = 1;
    while (length < rest().size() && (starts_name(rest()[length]) || is_digit(rest()[length]))) ++length;
    add(Token::Kind::name, std::string(rest().substr(0, length)));
    advance(length);
  }

  /// Digits with `_` between them; moves on.
  void read_digits(std::string& digits) {
    while (!rest().empty() &&
           (is_digit(rest()[0]) || (rest()[0] == '_' && rest().size() > 1 && is_digit(rest()[1])))) {
      if (rest()[0] != '_') digits += rest()[0];
      advance(1);
    }
  }

  bool read_exponent(std::string& digits) {
    if (!here("e") && !here("E")) return false;
    const size_t sign = rest().size() > 1 && (rest()[1] == '-' || rest()[1] == '+') ? 1 : 0;
    if (rest().size() <= 1 + sign || !is_digit(rest()[1 + sign])) return false;
    digits += rest().substr(0, 1 + sign);
    advance(1 + sign);
    read_digits(digits);
    return true;
  }

  /// What follows the 0 of 0x1f, 0o17 or 0b101; the token holds the number in decimal digits.
  bool read_based(std::string& digits) {
    constexpr std::pair<char, int> kBases[] = {{'x', 16}, {'o', 8}, {'b', 2}};
    for (const auto& [letter, base] : kBases) {
      if (rest().empty() || (rest()[0] | 0x20) != letter) continue;
      uint64_t value = 0;
      const auto [end, error] =
          std::from_chars(rest().data() + 1, rest().data() + rest().size(), value, base);
      if (error != std::errc()) fail(fmt::format("`0{}` without digits that fit 64 bits", letter));
      digits = fmt::format("{}", value);
      advance(size_t(end - rest().data()));
      return true;
    }
    return false;
  }

  void read_number() {
    std::string digits;
    // `m.0.role`: an index behind a dot is no fraction.
    const bool index = at_ > 0 && source_[at_ - 1] == '.';
    read_digits(digits);
    if (digits == "0" && !index && read_based(digits)) return add(Token::Kind::whole, std::move(digits));
    bool fraction = false;
    if (!index && here(".") && rest().size() > 1 && is_digit(rest()[1])) {
      digits += '.';
      advance(1);
      read_digits(digits);
      fraction = true;
    }
    if (!index) fraction = read_exponent(digits) || fraction;
    if (!rest().empty() && starts_name(rest()[0]))
      fail(fmt::format("`{}{}` is no number", digits, rest()[0]));
    add(fraction ? Token::Kind::real : Token::Kind::whole, std::move(digits));
  }

  void read_string(char quote) {
    const int begin = line_;
    std::string text;
    for (advance(1); !here(std::string_view(&quote, 1));) {
      if (rest().empty()) throw SyntaxFailure{"a string that does not end", begin};
      if (rest()[0] == '\\' && rest().size() > 1) {
        read_escape(text);
      } else {
        text += rest()[0];
        advance(1);
      }
    }
    advance(1);
    tokens_.push_back({Token::Kind::string, std::move(text), begin});
  }

  void read_escape(std::string& text) {
    constexpr std::string_view kPlain = "\\'\"abfnrtv", kMeans = "\\'\"\a\b\f\n\r\t\v", kHex = "xuU";
    const char c = rest()[1];
    if (const size_t at = kPlain.find(c); at != kPlain.npos) {
      text += kMeans[at];
      return advance(2);
    }
    if (c == '\n') return advance(2);  // continued on the next line
    if (const size_t at = kHex.find(c); at != kHex.npos) return read_code(text, 2, size_t(2) << at, 16);
    if (c >= '0' && c < '8') return read_code(text, 1, std::min<size_t>(octal_digits(), 3), 8);
    text += '\\';  // Python keeps what it does not know
    advance(1);
  }

  size_t octal_digits() const {
    size_t count = 0;
    while (1 + count < rest().size() && rest()[1 + count] >= '0' && rest()[1 + count] < '8') ++count;
    return count;
  }

  void read_code(std::string& text, size_t skip, size_t digits, int base) {
    char32_t code = 0;
    for (size_t i = skip; i < skip + digits; ++i) {
      const std::string_view kDigits = "0123456789abcdef";
      const size_t value =
          i < rest().size() ? kDigits.find(char(rest()[i] | (is_digit(rest()[i]) ? 0 : 0x20))) : kDigits.npos;
      if (value >= size_t(base)) fail("an escape in a string lacks digits");
      code = code * char32_t(base) + char32_t(value);
    }
    if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) fail("an escape in a string is no character");
    append_utf8(text, code);
    advance(skip + digits);
  }

  const std::string source_;
  size_t at_ = 0;
  int line_ = 1;
  bool line_starts_ = true;
  std::vector<char> brackets_;
  std::vector<Token> tokens_;
};

}  // namespace

std::string Token::shown() const {
  switch (kind) {
    case Kind::end:
      return "the end of the template";
    case Kind::text:
      return "text";
    case Kind::string:
      return fmt::format("\"{}\"",
                         text.substr(0, complete_utf8_prefix(std::string_view(text).substr(0, 40))));
    default:
      return fmt::format("`{}`", text);
  }
}

std::vector<Token> tokenize(std::string_view source) {
  if (!valid_utf8(source)) throw SyntaxFailure{"the template is not UTF-8", 1};
  return Lexer(source).run();
}

}  // namespace fettle::jinja
