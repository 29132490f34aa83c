// Filters that make a text of a text. As in Jinja they take any value and look at what it prints as.
#include <algorithm>

#include "base/utf8.h"
#include "data/jinja/builtins.h"
#include "data/jinja/markup.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

std::string printed(const Call& call) {
  return to_text(call.runtime, call.subject);
}

/// A letter is large at the beginning of a word: behind white space and opening signs.
std::string titled(std::string_view text) {
  std::string out;
  bool begins = true;
  for (const std::string_view one : characters(text)) {
    size_t at = 0;
    const char32_t c = next_code_point(one, at);
    out += begins ? upper(one) : lower(one);
    begins =
        is_white_space(c) || (c < 128 && std::string_view("-({[<").find(char(c)) != std::string_view::npos);
  }
  return out;
}

Value trim(const Call& call) {
  const std::string text = printed(call);
  const bool given = call.has(0) && !call.value(0).is(Kind::none);
  return like(call.subject,
              std::string(given ? strip(text, Side::both, call.text(0)) : strip(text, Side::both)));
}

Value replace(const Call& call) {
  return replaced(call.runtime, printed(call), to_text(call.runtime, call.value(0)),
                  to_text(call.runtime, call.value(1)), call.whole(2, -1));
}

Value indent(const Call& call) {
  const std::string text = call.subject_text();
  const bool by_text = call.has(0) && call.value(0).is(Kind::text);
  const int64_t width = by_text ? 0 : std::max<int64_t>(call.whole(0, 4), 0);
  call.runtime.spend(width / 32);
  const std::string pad = by_text ? call.text(0) : std::string(size_t(width), ' ');
  const bool first = call.flag(1, false), blank = call.flag(2, false);
  std::string out = first ? pad : "";
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    if (at > 0 && (blank || end > at)) {
      call.runtime.spend_bytes(pad.size());
      out += pad;
    }
    out += text.substr(at, end + 1 - at);
    at = end + 1;
  }
  return like(call.subject, std::move(out));
}

Value center(const Call& call) {
  const std::string text = printed(call);
  const int64_t missing = call.whole(0, 80) - character_count(text);
  if (missing <= 0) return like(call.subject, text);
  call.runtime.spend(missing / 32);
  // As Python's str.center puts the odd blank.
  const int64_t left = missing / 2 + (missing & (call.whole(0, 80)) & 1);
  return like(call.subject, std::string(size_t(left), ' ') + text + std::string(size_t(missing - left), ' '));
}

Value word_count(const Call& call) {
  const std::string text = printed(call);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = next_code_point(text, at);
    const bool letter = c >= 128 ? !is_white_space(c) : (isalnum(int(c)) || c == '_');
    words += letter && !inside;
    inside = letter;
  }
  return words;
}

Value url_encoded(const Call& call) {
  std::string out;
  for (const char c : printed(call)) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        byte < 128 && (isalnum(byte) || std::string_view("_.-~/").find(c) != std::string_view::npos);
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return out;
}

constexpr Builtin kRows[] = {
    {"capitalize", "", [](const Call& call) { return like(call.subject, capitalized(printed(call))); }},
    {"center", "width", center},
    {"e", "", [](const Call& call) { return Value::markup(html_escaped(call.runtime, call.subject)); }},
    {"escape", "", [](const Call& call) { return Value::markup(html_escaped(call.runtime, call.subject)); }},
    {"format", "*",
     [](const Call& call) {
       if (!call.all.named.empty()) throw Failure{"`format` with named arguments"};
       const Value subject = call.subject.is(Kind::text) ? call.subject : Value(printed(call));
       return arithmetic(call.runtime, "%", subject, Value::list(call.all.positional, true));
     }},
    {"indent", "width first blank", indent},
    {"lower", "", [](const Call& call) { return like(call.subject, lower(printed(call))); }},
    {"replace", "old new count", replace},
    {"safe", "", [](const Call& call) { return Value::markup(printed(call)); }},
    {"string", "", [](const Call& call) { return like(call.subject, printed(call)); }},
    {"title", "", [](const Call& call) { return Value(titled(printed(call))); }},
    {"tojson", "ensure_ascii indent separators sort_keys", to_json},
    {"trim", "chars", trim},
    {"upper", "", [](const Call& call) { return like(call.subject, upper(printed(call))); }},
    {"urlencode", "", url_encoded},
    {"wordcount", "", word_count},
};

}  // namespace

std::span<const Builtin> text_filters() {
  return kRows;
}

}  // namespace fettle::jinja
