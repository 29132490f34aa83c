// Where JSON values begin and end, found without building them: splits a file of records, and says which
// bracket or string was left open, which a parser that builds values cannot.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

class JsonScanner {
 public:
  /// Scans text[begin, end); places in errors count from the start of `text`, `label` names it.
  JsonScanner(std::string_view text, size_t begin, size_t end, std::string label)
      : text_(text.substr(0, end)), label_(std::move(label)), at_(begin) {}

  /// Skips white space. False at the end.
  bool more();
  /// The next character; more() was true.
  char peek() const { return text_[at_]; }
  size_t at() const { return at_; }
  void advance() { ++at_; }

  /// Steps over the value that begins here and returns its extent: brackets balanced and strings closed, the
  /// rest unchecked. Throws Error naming the place, and for brackets where the one left open stands.
  std::string_view value();

  /// Throws Error at label:line:column of the offset; where the text up to here is not UTF-8, that instead.
  [[noreturn]] void fail(size_t at, std::string what, std::string hint = "") const;
  [[noreturn]] void fail_unclosed(size_t open) const;

 private:
  void skip_string();
  void open_bracket(std::vector<size_t>& open);
  void close_bracket(std::vector<size_t>& open);

  std::string_view text_;
  std::string label_;
  size_t at_;
};

}  // namespace fettle
