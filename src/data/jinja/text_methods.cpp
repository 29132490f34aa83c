// Methods of strings.
#include <algorithm>

#include "base/utf8.h"
#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

template <Side side>
Value stripped(const Call& call) {
  const std::string& text = call.subject_text();
  if (call.has(0) && !call.value(0).is(Kind::none)) return strip(text, side, call.text(0));
  return strip(text, side);
}

Value list_of_texts(const std::vector<std::string_view>& parts) {
  return Value::list({parts.begin(), parts.end()});
}

/// At runs of white space, at most `most` times (-1: everywhere).
std::vector<std::string_view> split_at_space(std::string_view text, int64_t most, bool from_right) {
  const Side side = from_right ? Side::right : Side::left;
  std::vector<std::string_view> parts;
  for (text = strip(text, side); !text.empty(); text = strip(text, side)) {
    if (int64_t(parts.size()) == most) {
      parts.push_back(text);
      break;
    }
    const std::vector<std::string_view> all = characters(text);
    size_t length = 0;
    for (size_t i = 0; i < all.size(); ++i) {
      const std::string_view one = all[from_right ? all.size() - 1 - i : i];
      if (strip(one, Side::both).empty()) break;
      length += one.size();
    }
    parts.push_back(from_right ? text.substr(text.size() - length) : text.substr(0, length));
    from_right ? text.remove_suffix(length) : text.remove_prefix(length);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view mark, int64_t most,
                                       bool from_right) {
  std::vector<std::string_view> parts;
  while (int64_t(parts.size()) != most) {
    const size_t at = from_right ? text.rfind(mark) : text.find(mark);
    if (at == text.npos) break;
    parts.push_back(from_right ? text.substr(at + mark.size()) : text.substr(0, at));
    text = from_right ? text.substr(0, at) : text.substr(at + mark.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

template <bool from_right>
Value split(const Call& call) {
  const std::string& text = call.subject_text();
  const int64_t most = call.whole(1, -1);
  call.runtime.spend(int64_t(text.size()) / 8);
  if (!call.has(0) || call.value(0).is(Kind::none))
    return list_of_texts(split_at_space(text, most, from_right));
  if (call.text(0).empty()) call.fail("at an empty string");
  const std::string mark = call.text(0);
  return list_of_texts(split_at(text, mark, most, from_right));
}

Value split_lines(const Call& call) {
  const std::string& text = call.subject_text();
  const bool keep = call.flag(0, false);
  std::vector<Value> lines;
  for (size_t begin = 0, at = 0; at < text.size();) {
    const size_t here = at;
    const char32_t c = next_code_point(text, at);
    const bool ends =
        (c >= 0x0a && c <= 0x0d) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 || c == 0x2029;
    if (!ends && at < text.size()) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    lines.emplace_back(std::string_view(text).substr(begin, (ends && !keep ? here : at) - begin));
    begin = at;
  }
  return Value::list(std::move(lines));
}

/// The argument is a text, or a tuple of them: any.
template <bool at_end>
Value begins_or_ends(const Call& call) {
  const std::string_view text = call.subject_text();
  const Value& given = call.value(0);
  const auto fits = [&](const Value& part) {
    if (!part.is(Kind::text)) call.fail(fmt::format("with {}", part.kind_name()));
    return at_end ? text.ends_with(part.text()) : text.starts_with(part.text());
  };
  if (!given.is(Kind::list) || !given.is_tuple()) return fits(given);
  return std::any_of(given.items().begin(), given.items().end(), fits);
}

/// Counted in characters; -1 when it is not there.
int64_t found(const Call& call, bool last) {
  const std::string& text = call.subject_text();
  const std::string part = call.text(0);
  const size_t at = last ? text.rfind(part) : text.find(part);
  return at == text.npos ? -1 : character_count(std::string_view(text).substr(0, at));
}

Value index(const Call& call) {
  const int64_t at = found(call, false);
  if (at < 0) call.fail("of what is not in it");
  return at;
}

Value count(const Call& call) {
  const std::string& text = call.subject_text();
  const std::string part = call.text(0);
  if (part.empty()) return character_count(text) + 1;
  return int64_t(split_at(text, part, -1, false).size()) - 1;
}

Value replace(const Call& call) {
  return replaced(call.runtime, call.subject_text(), call.text(0), call.text(1), call.whole(2, -1));
}

Value join(const Call& call) {
  const std::string& between = call.subject_text();
  std::string out;
  bool first = true;
  for (const Value& one : iterated(call.runtime, call.value(0))) {
    if (!one.is(Kind::text)) call.fail(fmt::format("of {}", one.kind_name()));
    call.runtime.spend_bytes(between.size() + one.text().size());
    if (!first) out += between;
    first = false;
    out += one.text();
  }
  return out;
}

template <bool suffix>
Value without(const Call& call) {
  std::string_view text = call.subject_text();
  const std::string part = call.text(0);
  if (suffix && text.ends_with(part)) text.remove_suffix(part.size());
  if (!suffix && text.starts_with(part)) text.remove_prefix(part.size());
  return text;
}

/// Filled up to a width with blanks, or zeros behind the sign.
Value padded(const Call& call, char fill, bool in_front) {
  std::string text = call.subject_text();
  const int64_t missing = call.whole(0, 0) - character_count(text);
  if (missing <= 0) return text;
  call.runtime.spend(missing / 32);
  const size_t sign = fill == '0' && (text.starts_with('-') || text.starts_with('+')) ? 1 : 0;
  return text.insert(in_front ? sign : text.size(), size_t(missing), fill);
}

/// True when there are characters and all of them are so.
Value all_are(const Call& call, bool (*is)(char32_t)) {
  const std::string& text = call.subject_text();
  for (size_t at = 0; at < text.size();)
    if (!is(next_code_point(text, at))) return false;
  return !text.empty();
}

bool is_digit(char32_t c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char32_t c) {
  std::string one;
  append_utf8(one, c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= 128 && upper(one) != lower(one)) ||
         (c >= 0x3400 && c < 0xA000);
}

/// {} and {0}, {name}: without conversions and widths.
Value format(const Call& call) {
  const std::string& text = call.subject_text();
  const auto& [positional, named] = call.all;
  std::string out;
  size_t next = 0;
  for (size_t at = 0; at < text.size(); ++at) {
    if ((text[at] == '{' || text[at] == '}') && at + 1 < text.size() && text[at + 1] == text[at]) {
      out += text[at++];
    } else if (text[at] != '{') {
      out += text[at];
    } else {
      const size_t end = text.find('}', at);
      if (end == text.npos) call.fail("with a `{` that no `}` closes");
      const std::string field = text.substr(at + 1, end - at - 1);
      const auto by_name =
          std::find_if(named.begin(), named.end(), [&](const auto& one) { return one.first == field; });
      const bool is_index = field.size() == 1 && is_digit(char32_t(field[0]));
      const size_t index = field.empty() ? next++ : is_index ? size_t(field[0] - '0') : positional.size();
      if (by_name == named.end() && index >= positional.size())
        call.fail(fmt::format("lacks `{{{}}}`", field));
      out += to_text(call.runtime, by_name != named.end() ? by_name->second : positional[index]);
      at = end;
    }
  }
  return out;
}

constexpr Builtin kRows[] = {
    {"capitalize", "", [](const Call& call) { return Value(capitalized(call.subject_text())); }},
    {"count", "sub", count},
    {"endswith", "suffix", begins_or_ends<true>},
    {"find", "sub", [](const Call& call) { return Value(found(call, false)); }},
    {"format", "*", format},
    {"index", "sub", index},
    {"isalpha", "", [](const Call& call) { return all_are(call, is_letter); }},
    {"isdigit", "", [](const Call& call) { return all_are(call, is_digit); }},
    {"isspace", "", [](const Call& call) { return all_are(call, is_white_space); }},
    {"join", "iterable", join},
    {"ljust", "width", [](const Call& call) { return padded(call, ' ', false); }},
    {"lower", "", [](const Call& call) { return Value(lower(call.subject_text())); }},
    {"lstrip", "chars", stripped<Side::left>},
    {"removeprefix", "prefix", without<false>},
    {"removesuffix", "suffix", without<true>},
    {"replace", "old new count", replace},
    {"rfind", "sub", [](const Call& call) { return Value(found(call, true)); }},
    {"rjust", "width", [](const Call& call) { return padded(call, ' ', true); }},
    {"rsplit", "sep maxsplit", split<true>},
    {"rstrip", "chars", stripped<Side::right>},
    {"split", "sep maxsplit", split<false>},
    {"splitlines", "keepends", split_lines},
    {"startswith", "prefix", begins_or_ends<false>},
    {"strip", "chars", stripped<Side::both>},
    {"title", "", [](const Call& call) { return Value(title(call.subject_text())); }},
    {"upper", "", [](const Call& call) { return Value(upper(call.subject_text())); }},
    {"zfill", "width", [](const Call& call) { return padded(call, '0', true); }},
};

}  // namespace

std::span<const Builtin> text_methods() {
  return kRows;
}

}  // namespace fettle::jinja
