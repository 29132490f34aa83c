#include "data/jinja/markup.h"

#include <algorithm>

#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

constexpr std::string_view kLookingOnly[] = {"count", "endswith", "find",       "index",     "rfind",
                                             "split", "rsplit",   "splitlines", "startswith"};

std::string_view html_of(char c) {
  constexpr std::pair<char, std::string_view> kForms[] = {
      {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'\'', "&#39;"}, {'"', "&#34;"}};
  for (const auto& [sign, form] : kForms)
    if (sign == c) return form;
  return {};
}

/// A text, or the texts of a list, as markups.
Value marked(const Value& value) {
  if (value.is(Kind::text)) return Value::markup(value.text());
  if (!value.is(Kind::list)) return value;
  std::vector<Value> items;
  for (const Value& one : value.items()) items.push_back(marked(one));
  return Value::list(std::move(items));
}

/// Texts, and what `join` joins.
Value escaped_argument(Runtime& runtime, const Value& value) {
  if (value.is(Kind::text)) return html_escaped(runtime, value);
  if (!value.is(Kind::list)) return value;
  std::vector<Value> items;
  for (const Value& one : iterated(runtime, value)) items.emplace_back(html_escaped(runtime, one));
  return Value::list(std::move(items));
}

}  // namespace

Value like(const Value& of, std::string text) {
  return of.is_markup() ? Value::markup(std::move(text)) : Value(std::move(text));
}

std::string html_escaped(Runtime& runtime, const Value& value) {
  if (value.is_markup()) return value.text();
  const std::string text = to_text(runtime, value);
  std::string out;
  for (const char c : text) {
    const std::string_view form = html_of(c);
    form.empty() ? void(out += c) : void(out += form);
  }
  runtime.spend_bytes(out.size());
  return out;
}

Value escaped_operand(Runtime& runtime, const Value& value) {
  if (value.is_number() || value.is(Kind::none)) return value;
  if (!value.is_tuple()) return html_escaped(runtime, value);
  std::vector<Value> parts;
  for (const Value& one : value.items())
    parts.push_back(one.is_number() ? one : Value(html_escaped(runtime, one)));
  return Value::list(std::move(parts), true);
}

Value call_markup_method(Runtime& runtime, const Builtin& row, const Value& subject,
                         const Arguments& arguments) {
  Arguments given = arguments;
  if (std::ranges::find(kLookingOnly, row.name) == std::end(kLookingOnly)) {
    for (Value& value : given.positional) value = escaped_argument(runtime, value);
    for (auto& [name, value] : given.named) value = escaped_argument(runtime, value);
  }
  return marked(run_builtin(runtime, row, subject, given));
}

}  // namespace fettle::jinja
