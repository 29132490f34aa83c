#include "data/jinja/text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include "base/utf8.h"
#include "data/jinja/runtime.h"
#include "data/python_json.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

template <class Contained>
std::string_view strip_where(std::string_view text, Side side, const Contained& contained) {
  size_t begin = 0, end = text.size();
  while (side != Side::right && begin < end) {
    size_t next = begin;
    if (!contained(next_code_point(text, next))) break;
    begin = next;
  }
  while (side != Side::left && end > begin) {
    size_t last = end - 1;
    while (last > begin && (text[last] & 0xC0) == 0x80) --last;
    size_t at = last;
    if (!contained(next_code_point(text, at))) break;
    end = last;
  }
  return text.substr(begin, end - begin);
}

template <class Map>
std::string mapped(std::string_view text, const Map& map) {
  std::string out;
  for (size_t at = 0; at < text.size();) append_utf8(out, char32_t(map(int32_t(next_code_point(text, at)))));
  return out;
}

bool printable(char32_t c) {
  if (c == ' ') return true;
  const auto category = utf8proc_category(int32_t(c));
  return !(category == UTF8PROC_CATEGORY_CC || category == UTF8PROC_CATEGORY_CF ||
           category == UTF8PROC_CATEGORY_CS || category == UTF8PROC_CATEGORY_CO ||
           category == UTF8PROC_CATEGORY_CN || category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP || category == UTF8PROC_CATEGORY_ZS);
}

std::string escaped(char32_t c) {
  if (c == '\n') return "\\n";
  if (c == '\r') return "\\r";
  if (c == '\t') return "\\t";
  return c < 0x100     ? fmt::format("\\x{:02x}", uint32_t(c))
         : c < 0x10000 ? fmt::format("\\u{:04x}", uint32_t(c))
                       : fmt::format("\\U{:08x}", uint32_t(c));
}

std::string quoted(std::string_view text) {
  const bool has_single = text.find('\'') != text.npos, has_double = text.find('"') != text.npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    if (c == char32_t(quote) || c == '\\') out += '\\';
    if (printable(c))
      append_utf8(out, c);
    else
      out += escaped(c);
  }
  return out + quote;
}

std::string list_text(Runtime& runtime, const Value& list) {
  if (list.is_generator()) throw Failure{"a generator has no text; `|list` makes a list of it"};
  std::string out;
  for (const Value& item : list.items()) {
    if (!out.empty()) out += ", ";
    out += to_repr(runtime, item);
  }
  if (!list.is_tuple()) return "[" + out + "]";
  return "(" + out + (list.items().size() == 1 ? ",)" : ")");
}

std::string dict_text(Runtime& runtime, const Value& dict) {
  std::string out;
  for (const auto& [key, value] : dict.pairs()) {
    if (!out.empty()) out += ", ";
    out += to_repr(runtime, key) + ": " + to_repr(runtime, value);
  }
  return "{" + out + "}";
}

}  // namespace

bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0d) || (c >= 0x1c && c <= 0x20) || c == 0x85 || c == 0xa0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
         c == 0x3000;
}

std::string_view strip(std::string_view text, Side side) {
  return strip_where(text, side, is_white_space);
}

std::string_view strip(std::string_view text, Side side, std::string_view characters) {
  return strip_where(text, side, [&](char32_t c) {
    for (size_t at = 0; at < characters.size();)
      if (next_code_point(characters, at) == c) return true;
    return false;
  });
}

std::vector<std::string_view> characters(std::string_view text) {
  std::vector<std::string_view> all;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = at;
    next_code_point(text, at);
    all.push_back(text.substr(begin, at - begin));
  }
  return all;
}

int64_t character_count(std::string_view text) {
  int64_t count = 0;
  for (const char c : text) count += (c & 0xC0) != 0x80;
  return count;
}

std::string upper(std::string_view text) {
  std::string out;
  for (const std::string_view one : characters(text))
    out += one == "ß" ? "SS" : mapped(one, utf8proc_toupper);  // the letter whose capital is two
  return out;
}

std::string lower(std::string_view text) {
  return mapped(text, utf8proc_tolower);
}

std::string capitalized(std::string_view text) {
  size_t first = 0;
  if (!text.empty()) next_code_point(text, first);
  return mapped(text.substr(0, first), utf8proc_totitle) + lower(text.substr(first));
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (const std::string_view one : characters(text)) {
    out += inside ? lower(one) : upper(one);
    inside = lower(one) != upper(one);
  }
  return out;
}

std::string replaced(Runtime& runtime, std::string_view text, std::string_view old, std::string_view with,
                     int64_t most) {
  std::string out;
  size_t at = 0;
  for (int64_t done = 0; done != most; ++done) {
    // Between characters: in front of each, and behind the last.
    const size_t found = old.empty() ? at : text.find(old, at);
    if (found == text.npos) break;
    runtime.spend_bytes(with.size());
    out += text.substr(at, found - at);
    out += with;
    at = found + old.size();
    if (!old.empty()) continue;
    if (at == text.size()) return out;
    const size_t begin = at;
    next_code_point(text, at);
    out += text.substr(begin, at - begin);
  }
  return out += text.substr(at);
}

std::string to_text(Runtime& runtime, const Value& value) {
  if (!value.is(Kind::text)) return value.is(Kind::undefined) ? "" : to_repr(runtime, value);
  runtime.spend_bytes(value.text().size());
  return value.text();
}

std::string to_repr(Runtime& runtime, const Value& value) {
  runtime.spend(1);
  switch (value.kind()) {
    case Kind::undefined:
      return "Undefined";
    case Kind::none:
      return "None";
    case Kind::boolean:
      return value.whole() ? "True" : "False";
    case Kind::integer:
      return fmt::format("{}", value.whole());
    case Kind::real:
      return python_float(value.real());
    case Kind::text:
      runtime.spend_bytes(value.text().size());
      return value.is_markup() ? "Markup(" + quoted(value.text()) + ")" : quoted(value.text());
    case Kind::list:
      return list_text(runtime, value);
    case Kind::dict:
      return dict_text(runtime, value);
    case Kind::object:
      throw Failure{fmt::format("{} has no text", value.kind_name())};
  }
  return "";
}

}  // namespace fettle::jinja
