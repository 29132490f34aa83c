// Tokens read one by one, with what the parser asks of them.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "data/jinja/lexer.h"

namespace fettle::jinja {

class TokenStream {
 public:
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& now() const { return tokens_[at_]; }
  const Token& next_one() const { return tokens_[at_ + (at_ + 1 < tokens_.size() ? 1 : 0)]; }
  int line() const { return now().line; }
  /// The token here; moves on, but not beyond the end.
  const Token& take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  size_t place() const { return at_; }
  /// Whether that name stands between the place `begin` and here.
  bool mentioned_since(size_t begin, std::string_view name) const {
    for (size_t at = begin; at < at_; ++at)
      if (tokens_[at].is_name(name)) return true;
    return false;
  }

  bool skip_sign(std::string_view sign) { return now().is_sign(sign) && (take(), true); }
  bool skip_name(std::string_view name) { return now().is_name(name) && (take(), true); }
  void expect_sign(std::string_view sign) {
    if (!skip_sign(sign)) fail_expecting(fmt::format("`{}`", sign));
  }
  void expect_name(std::string_view name) {
    if (!skip_name(name)) fail_expecting(fmt::format("`{}`", name));
  }
  std::string expect(Token::Kind kind, std::string_view called) {
    if (now().kind != kind) fail_expecting(called);
    return take().text;
  }

  [[noreturn]] void fail(std::string what) const { throw SyntaxFailure{std::move(what), line()}; }
  [[noreturn]] void fail_expecting(std::string_view what) const {
    fail(fmt::format("{} stands where {} must", now().shown(), what));
  }

 private:
  std::vector<Token> tokens_;
  size_t at_ = 0;
};

}  // namespace fettle::jinja
