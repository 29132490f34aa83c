#include "token/added_tokens.h"

#include <utf8proc.h>

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {
bool is_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || c == 0x20 || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

// \w by the Unicode standard's annex on regular expressions: letters, marks, decimal digits, connectors,
// joiners.
bool is_word(char32_t c) {
  switch (utf8proc_category(utf8proc_int32_t(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_PC:
      return true;
    default:
      return c == 0x200c || c == 0x200d;
  }
}

size_t character_before(std::string_view text, size_t at) {
  do --at;
  while (at > 0 && (uint8_t(text[at]) & 0xc0) == 0x80);
  return at;
}

bool word_ends_at(std::string_view text, size_t at) {
  if (at == 0) return false;
  size_t before = character_before(text, at);
  return is_word(next_code_point(text, before));
}

bool word_begins_at(std::string_view text, size_t at) {
  return at < text.size() && is_word(next_code_point(text, at));
}

size_t spaces_before(std::string_view text, size_t at, size_t stop) {
  while (at > stop) {
    const size_t before = character_before(text, at);
    size_t next = before;
    if (!is_space(next_code_point(text, next))) break;
    at = before;
  }
  return at;
}

size_t spaces_behind(std::string_view text, size_t at) {
  for (size_t next = at; next < text.size(); at = next) {
    if (!is_space(next_code_point(text, next))) break;
  }
  return at;
}
}  // namespace

AddedTokenMatcher::AddedTokenMatcher(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)) {
  std::ranges::sort(tokens_, {}, &AddedToken::content);
  const auto twice = std::ranges::adjacent_find(tokens_, {}, &AddedToken::content);
  FETTLE_CHECK(twice == tokens_.end(), "\"{}\" twice", twice->content);
  for (const AddedToken& token : tokens_) {
    FETTLE_CHECK(!token.content.empty());
    begins_[uint8_t(token.content[0])] = true;
  }
}

const AddedToken* AddedTokenMatcher::longest_at(std::string_view text, size_t at) const {
  const AddedToken* best = nullptr;
  auto first = tokens_.begin(), last = tokens_.end();
  for (size_t depth = 0; at + depth < text.size(); ++depth) {
    const auto byte = uint8_t(text[at + depth]);
    const auto byte_of = [depth](const AddedToken& t) { return uint8_t(t.content[depth]); };
    first = std::partition_point(first, last, [&](const AddedToken& t) { return byte_of(t) < byte; });
    last = std::partition_point(first, last, [&](const AddedToken& t) { return byte_of(t) == byte; });
    if (first == last) break;
    // The token that ends here sorts before those that go on.
    if (first->content.size() == depth + 1) best = &*first++;
  }
  return best;
}

std::vector<Segment> AddedTokenMatcher::split(std::string_view text, bool parse_special) const {
  std::vector<Segment> segments;
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const AddedToken* token = begins_[uint8_t(text[at])] ? longest_at(text, at) : nullptr;
    if (!token) {
      ++at;
      continue;
    }
    size_t begin = at, end = at + token->content.size();
    at = end;
    if (token->special && !parse_special) continue;
    if (token->single_word && (word_ends_at(text, begin) || word_begins_at(text, end))) continue;
    if (token->lstrip) begin = spaces_before(text, begin, done);
    if (token->rstrip) end = spaces_behind(text, end);
    if (begin > done) segments.push_back({text.substr(done, begin - done)});
    segments.push_back({text.substr(begin, end - begin), token->id});
    done = at = end;
  }
  if (done < text.size()) segments.push_back({text.substr(done)});
  return segments;
}

}  // namespace fettle
