#include "format/json_scan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "format/text_encoding.h"

namespace fettle {

namespace {
// Deeper nesting is an attack or an accident; code that walks a value may recurse.
constexpr size_t kMaxDepth = 512;

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}
char closer_of(char open) {
  return open == '{' ? '}' : ']';
}
}  // namespace

bool JsonScanner::more() {
  while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  return at_ < text_.size();
}

void JsonScanner::fail(size_t at, std::string what, std::string hint) const {
  // In another encoding brackets and quotes are where none are: that comes first.
  refuse_other_encodings(text_, std::min(text_.size(), std::max(at, at_) + 1), label_);
  throw Error({.what = std::move(what),
               .where = fmt::format("{}:{}", label_, line_column(text_, at)),
               .hint = std::move(hint)});
}

void JsonScanner::fail_unclosed(size_t open) const {
  const char closer = closer_of(text_[open]);
  fail(text_.size(),
       fmt::format("the text ends, but the '{}' opened at {} is not closed", text_[open],
                   line_column(text_, open)),
       fmt::format("add the missing '{}'", closer));
}

void JsonScanner::skip_string() {
  const size_t begin = at_++;
  while (at_ < text_.size() && text_[at_] != '"') {
    if (text_[at_] == '\n') break;
    at_ += text_[at_] == '\\' ? 2 : 1;
  }
  if (at_ >= text_.size() || text_[at_] != '"') {
    fail(begin, "the string that begins here is not closed on its line",
         "close it with '\"'; a line break is \\n");
  }
  ++at_;
}

void JsonScanner::open_bracket(std::vector<size_t>& open) {
  if (open.size() == kMaxDepth) fail(at_, fmt::format("brackets nested deeper than {}", kMaxDepth));
  open.push_back(at_++);
}

void JsonScanner::close_bracket(std::vector<size_t>& open) {
  const size_t last = open.back();
  if (text_[at_] != closer_of(text_[last])) {
    fail(at_,
         fmt::format("'{}' where the '{}' opened at {} is still open", text_[at_], text_[last],
                     line_column(text_, last)),
         fmt::format("add the missing '{}' before it", closer_of(text_[last])));
  }
  open.pop_back();
  ++at_;
}

std::string_view JsonScanner::value() {
  const size_t begin = at_;
  std::vector<size_t> open;
  do {
    if (at_ >= text_.size()) fail_unclosed(open.back());
    switch (text_[at_]) {
      case '"':
        skip_string();
        break;
      case '{':
      case '[':
        open_bracket(open);
        break;
      case '}':
      case ']':
        if (open.empty()) fail(at_, fmt::format("'{}' without an opening bracket before it", text_[at_]));
        close_bracket(open);
        break;
      default:
        ++at_;
        // A bare word or number at the top ends where something else begins.
        if (open.empty()) at_ = std::min(text_.find_first_of(" \n\t\r,:]}[{\"", at_), text_.size());
    }
  } while (!open.empty());
  return text_.substr(begin, at_ - begin);
}

}  // namespace fettle
