#include <algorithm>

#include "base/utf8.h"
#include "token/text_rules.h"

namespace fettle {

namespace {
std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  out.reserve(text.size());
  size_t done = 0;
  for (size_t at = text.find(from); at != text.npos; at = text.find(from, done)) {
    out.append(text, done, at - done).append(to);
    done = at + from.size();
  }
  return out.append(text, done);
}

bool is_mark(std::string_view text, size_t at) {
  return text.substr(at).starts_with(kSpaceMark);
}

// Adds the character before every mark inside `form` that follows something else than a mark.
void add_before_marks(std::string_view form, std::vector<std::string>& characters) {
  size_t before = 0;
  for (size_t at = 0; at < form.size();) {
    const size_t begin = at;
    next_code_point(form, at);
    if (begin > 0 && is_mark(form, begin) && !is_mark(form, before)) {
      characters.emplace_back(form.substr(before, begin - before));
    }
    before = begin;
  }
}
}  // namespace

SpaceMarkRules::SpaceMarkRules(SpaceMarking marking, const Vocabulary& vocabulary,
                               const std::vector<bool>& in_model, bool whole_may_match)
    : marking_(marking) {
  // Each cut looks through the list; no vocabulary that needs a long one is known.
  constexpr size_t kMostCharacters = 16;
  const auto mark = vocabulary.id_of(kSpaceMark);
  // Without a token of its own a mark could be one unknown with what stands before it.
  if (whole_may_match || !mark || !in_model[size_t(*mark)]) return;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (in_model[size_t(id)]) add_before_marks(vocabulary.form(id), before_marks_);
  }
  std::ranges::sort(before_marks_);
  before_marks_.erase(std::ranges::unique(before_marks_).begin(), before_marks_.end());
  cuts_ = before_marks_.size() <= kMostCharacters;
}

std::string SpaceMarkRules::marked(std::string_view text, Place place) const {
  using Prefix = SpaceMarking::Prefix;
  std::string out = replaced(text, " ", kSpaceMark);
  const bool here =
      (marking_.prefix == Prefix::fresh && place.fresh) || (marking_.prefix == Prefix::first && place.first);
  if (here && !out.empty() && !(marking_.unless_marked && is_mark(out, 0))) out.insert(0, kSpaceMark);
  return out;
}

std::string SpaceMarkRules::normalized(std::string_view text, Place place) const {
  return marking_.after_normalizing ? std::string(text) : marked(text, place);
}

bool SpaceMarkRules::cuts_before(std::string_view text, size_t mark) const {
  const std::string_view before = text.substr(0, mark);
  return !before.ends_with(kSpaceMark) &&
         std::ranges::none_of(before_marks_, [&](const std::string& c) { return before.ends_with(c); });
}

std::vector<std::string_view> SpaceMarkRules::pieces(std::string_view text, Place place,
                                                     std::string& room) const {
  if (marking_.after_normalizing) text = room = marked(text, place);
  std::vector<std::string_view> pieces;
  if (text.empty()) return pieces;
  size_t begin = 0;
  for (size_t at = cuts_ ? text.find(kSpaceMark, 1) : text.npos; at != text.npos;
       at = text.find(kSpaceMark, at + kSpaceMark.size())) {
    if (!cuts_before(text, at)) continue;
    pieces.push_back(text.substr(begin, at - begin));
    begin = at;
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

std::string SpaceMarkRules::bytes_of(const std::string& form, TokenKind kind) const {
  if (kind == TokenKind::byte) return std::string(1, char(byte_of_form(form)));
  return replaced(form, kSpaceMark, " ");
}

std::string SpaceMarkRules::describe() const {
  using Prefix = SpaceMarking::Prefix;
  return marking_.prefix == Prefix::none ? "SentencePiece BPE" : "SentencePiece BPE, space before text";
}

}  // namespace fettle
