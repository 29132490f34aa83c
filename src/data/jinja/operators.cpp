#include "data/jinja/operators.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "data/jinja/builtins.h"
#include "data/jinja/markup.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

[[noreturn]] void refuse_undefined(const Value& value) {
  throw Failure{value.missing()};
}

[[noreturn]] void cannot(std::string_view sign, const Value& a, const Value& b) {
  if (a.is(Kind::undefined)) refuse_undefined(a);
  if (b.is(Kind::undefined)) refuse_undefined(b);
  throw Failure{fmt::format("`{}` between {} and {}", sign, a.kind_name(), b.kind_name())};
}

bool equal_lists(Runtime& runtime, const Value& a, const Value& b) {
  const auto &x = a.items(), &y = b.items();
  if (a.is_generator() || b.is_generator()) return &x == &y;
  if (x.size() != y.size() || a.shape() != b.shape()) return false;
  for (size_t i = 0; i < x.size(); ++i)
    if (!equal(runtime, x[i], y[i])) return false;
  return true;
}

bool equal_dicts(Runtime& runtime, const Value& a, const Value& b) {
  if (a.pairs().size() != b.pairs().size()) return false;
  for (const auto& [key, value] : a.pairs()) {
    const Value* const other = find_key(runtime, b, key);
    if (!other || !equal(runtime, value, *other)) return false;
  }
  return true;
}

Value overflow(std::string_view sign) {
  throw Failure{fmt::format("`{}` gives a number of more than 64 bits", sign)};
}

int64_t floor_quotient(int64_t a, int64_t b) {
  return a / b - (a % b != 0 && (a % b < 0) != (b < 0) ? 1 : 0);
}

Value whole_power(int64_t base, int64_t exponent) {
  if (exponent < 0) return std::pow(double(base), double(exponent));
  int64_t result = 1;
  for (int64_t i = 0; i < exponent; ++i) {
    if (__builtin_mul_overflow(result, base, &result)) return overflow("**");
    if (result == 0 || (i > 0 && (base == 1 || base == -1)))
      return base == -1 && exponent % 2 == 0 ? 1 : result;
  }
  return result;
}

Value whole_arithmetic(std::string_view sign, int64_t a, int64_t b) {
  int64_t result = 0;
  const bool overflows = sign == "+"   ? __builtin_add_overflow(a, b, &result)
                         : sign == "-" ? __builtin_sub_overflow(a, b, &result)
                                       : sign == "*" && __builtin_mul_overflow(a, b, &result);
  if (overflows) return overflow(sign);
  if (sign == "+" || sign == "-" || sign == "*") return result;
  if (sign == "**") return whole_power(a, b);
  if (b == 0) throw Failure{fmt::format("`{}` by zero", sign)};
  if (sign == "/") return double(a) / double(b);
  if (b == -1) return sign == "%" ? Value(int64_t(0)) : whole_arithmetic("-", 0, a);
  const int64_t quotient = floor_quotient(a, b);
  return sign == "//" ? quotient : a - quotient * b;
}

Value real_arithmetic(std::string_view sign, double a, double b) {
  if (sign == "+") return a + b;
  if (sign == "-") return a - b;
  if (sign == "*") return a * b;
  if (sign == "**") return std::pow(a, b);
  if (b == 0) throw Failure{fmt::format("`{}` by zero", sign)};
  if (sign == "/") return a / b;
  const double rest = std::fmod(a, b), modulo = rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
  return sign == "%" ? modulo : std::floor((a - modulo) / b + 0.5);
}

Value repeated(Runtime& runtime, const Value& value, int64_t times) {
  const int64_t count = std::max<int64_t>(times, 0);
  const size_t size = value.is(Kind::text) ? value.text().size() : value.items().size() * 32;
  if (size && count > int64_t(1) << 40) throw Failure{"`*` makes too long a value"};
  runtime.spend(1 + int64_t(size) * count / 32);
  if (value.is(Kind::text)) {
    std::string text;
    for (int64_t i = 0; i < count; ++i) text += value.text();
    return like(value, std::move(text));
  }
  std::vector<Value> items;
  for (int64_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  return Value::list(std::move(items), value.is_tuple());
}

Value sum_of(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is(Kind::text) && b.is(Kind::text)) {
    runtime.spend_bytes(a.text().size() + b.text().size());
    if (a.is_markup() || b.is_markup())
      return Value::markup(html_escaped(runtime, a) + html_escaped(runtime, b));
    return a.text() + b.text();
  }
  if (!a.is(Kind::list) || !b.is(Kind::list) || a.shape() != b.shape() || a.is_generator()) cannot("+", a, b);
  runtime.spend(int64_t(a.items().size() + b.items().size()));
  std::vector<Value> items = a.items();
  items.insert(items.end(), b.items().begin(), b.items().end());
  return Value::list(std::move(items), a.is_tuple());
}

/// The place an index means in `size` items, counted from the end when negative; -1: beyond both.
int64_t place(int64_t index, size_t size) {
  const int64_t count = int64_t(size), at = index < 0 ? index + count : index;
  return at >= 0 && at < count ? at : -1;
}

std::optional<Value> item_at(Runtime& runtime, const Value& subject, int64_t index) {
  if (subject.is_generator()) return std::nullopt;
  if (subject.is(Kind::list)) {
    const int64_t at = place(index, subject.items().size());
    return at < 0 ? std::nullopt : std::optional(subject.items()[size_t(at)]);
  }
  if (!subject.is(Kind::text)) return std::nullopt;
  runtime.spend_bytes(subject.text().size());
  const auto all = characters(subject.text());
  const int64_t at = place(index, all.size());
  return at < 0 ? std::nullopt : std::optional(like(subject, std::string(all[size_t(at)])));
}

std::optional<Value> method_of(Runtime& runtime, const Value& subject, std::string_view name) {
  if (subject.is(Kind::object)) return subject.object()->attribute(runtime, name);
  const Builtin* const method = find_method(subject, name);
  if (!method) return std::nullopt;
  return Value(runtime.make<BuiltinObject>(*method, subject));
}

std::optional<int64_t> bound(const Value& value) {
  if (value.is(Kind::none)) return std::nullopt;
  if (!value.is_whole()) throw Failure{fmt::format("{} as a bound of a slice", value.kind_name())};
  return value.whole();
}

/// Python's slice.indices: the places a slice takes.
std::vector<size_t> slice_places(int64_t size, std::optional<int64_t> begin, std::optional<int64_t> end,
                                 int64_t step) {
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const auto clamped = [&](int64_t bound) {
    return std::clamp(bound < 0 ? std::max(bound, -size - 1) + size : bound, low, high);
  };
  const int64_t first = begin ? clamped(*begin) : (step > 0 ? low : high);
  const int64_t last = end ? clamped(*end) : (step > 0 ? high : low);
  std::vector<size_t> places;
  const int64_t stride = std::clamp(step, -size - 1, size + 1);
  for (int64_t at = first; stride > 0 ? at < last : at > last; at += stride) places.push_back(size_t(at));
  return places;
}

}  // namespace

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  runtime.spend(1);
  if (a.is_number() && b.is_number()) {
    if (a.is(Kind::real) || b.is(Kind::real)) return a.real() == b.real();
    return a.whole() == b.whole();
  }
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::text:
      runtime.spend_bytes(std::min(a.text().size(), b.text().size()));
      return a.text() == b.text();
    case Kind::list:
      return equal_lists(runtime, a, b);
    case Kind::dict:
      return equal_dicts(runtime, a, b);
    case Kind::object:
      return a.object() == b.object();
    default:
      return true;  // None, undefined
  }
}

bool less(Runtime& runtime, const Value& a, const Value& b) {
  runtime.spend(1);
  if (a.is_whole() && b.is_whole()) return a.whole() < b.whole();
  if (a.is_number() && b.is_number()) return a.real() < b.real();
  if (a.is(Kind::text) && b.is(Kind::text)) {
    runtime.spend_bytes(std::min(a.text().size(), b.text().size()));
    return a.text() < b.text();  // UTF-8 sorts as its code points do
  }
  if (!a.is(Kind::list) || !b.is(Kind::list) || a.shape() != b.shape() || a.is_generator()) cannot("<", a, b);
  const auto &x = a.items(), &y = b.items();
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i)
    if (!equal(runtime, x[i], y[i])) return less(runtime, x[i], y[i]);
  return x.size() < y.size();
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  if (container.is(Kind::text)) {
    if (!item.is(Kind::text)) cannot("in", item, container);
    runtime.spend_bytes(container.text().size());
    return container.text().find(item.text()) != std::string::npos;
  }
  if (container.is(Kind::dict)) return find_key(runtime, container, item) != nullptr;
  if (container.is(Kind::undefined)) return false;
  if (!container.is(Kind::list)) cannot("in", item, container);
  if (container.is_generator()) {  // read up to where it is found
    for (std::vector<Value> one; !(one = container.read(1)).empty();)
      if (equal(runtime, one.front(), item)) return true;
    return false;
  }
  return std::any_of(container.items().begin(), container.items().end(),
                     [&](const Value& one) { return equal(runtime, one, item); });
}

Value arithmetic(Runtime& runtime, std::string_view sign, const Value& a, const Value& b) {
  if (a.is_whole() && b.is_whole()) return whole_arithmetic(sign, a.whole(), b.whole());
  if (a.is_number() && b.is_number()) return real_arithmetic(sign, a.real(), b.real());
  if (sign == "+") return sum_of(runtime, a, b);
  const auto repeats = [](const Value& value) {
    return value.is(Kind::text) || (value.is(Kind::list) && !value.is_generator());
  };
  if (sign == "*" && repeats(a) && b.is_whole()) return repeated(runtime, a, b.whole());
  if (sign == "*" && repeats(b) && a.is_whole()) return repeated(runtime, b, a.whole());
  if (sign == "%" && a.is(Kind::text))
    return like(a, percent_format(runtime, a.text(), a.is_markup() ? escaped_operand(runtime, b) : b));
  cannot(sign, a, b);
}

Value negated(const Value& value) {
  if (value.is(Kind::undefined)) refuse_undefined(value);
  if (!value.is_number()) throw Failure{fmt::format("`-` before {}", value.kind_name())};
  if (value.is(Kind::real)) return -value.real();
  return whole_arithmetic("-", 0, value.whole());
}

std::vector<Value> iterated(Runtime& runtime, const Value& value) {
  std::vector<Value> items;
  switch (value.kind()) {
    case Kind::undefined:
      break;
    case Kind::list:
      items = value.is_generator() ? value.read(value.items().size()) : value.items();
      break;
    case Kind::dict:
      for (const auto& pair : value.pairs()) items.push_back(pair.first);
      break;
    case Kind::text:
      runtime.spend(int64_t(value.text().size()));
      for (const std::string_view one : characters(value.text())) items.emplace_back(one);
      break;
    default:
      throw Failure{fmt::format("{} has no items", value.kind_name())};
  }
  runtime.spend(1 + int64_t(items.size()) / 4);
  return items;
}

int64_t length(const Value& value) {
  if (value.is(Kind::undefined)) return 0;
  if (value.is(Kind::text)) return character_count(value.text());
  if (value.is(Kind::list) && !value.is_generator()) return int64_t(value.items().size());
  if (value.is(Kind::dict)) return int64_t(value.pairs().size());
  throw Failure{fmt::format("{} has no length", value.kind_name())};
}

Value attribute(Runtime& runtime, const Value& subject, std::string_view name) {
  if (subject.is(Kind::undefined)) refuse_undefined(subject);
  if (const auto method = method_of(runtime, subject, name)) return *method;
  if (subject.is(Kind::dict))
    if (const Value* const value = find_key(runtime, subject, Value(name))) return *value;
  return Value::undefined(fmt::format("{} has no attribute `{}`", subject.kind_name(), name));
}

Value item(Runtime& runtime, const Value& subject, const Value& key) {
  if (subject.is(Kind::undefined)) refuse_undefined(subject);
  if (subject.is(Kind::dict)) {
    if (const Value* const value = find_key(runtime, subject, key)) return *value;
  } else if (key.is_whole()) {
    if (const auto value = item_at(runtime, subject, key.whole())) return *value;
  }
  if (key.is(Kind::text)) {
    if (const auto method = method_of(runtime, subject, key.text())) return *method;
  }
  return Value::undefined(fmt::format("{} has no item {}", subject.kind_name(), to_repr(runtime, key)));
}

const Value* find_key(Runtime& runtime, const Value& dict, const Value& key) {
  for (const auto& [known, value] : dict.pairs())
    if (equal(runtime, known, key)) return &value;
  return nullptr;
}

void set_key(Runtime& runtime, std::vector<std::pair<Value, Value>>& pairs, Value key, Value value) {
  if (key.is(Kind::list) && !key.is_tuple()) throw Failure{"a list as the key of a dict"};
  if (key.is(Kind::dict)) throw Failure{"a dict as the key of a dict"};
  for (auto& [known, old] : pairs)
    if (equal(runtime, known, key)) {
      old = std::move(value);
      return;
    }
  pairs.emplace_back(std::move(key), std::move(value));
}

Value slice(Runtime& runtime, const Value& subject, const Value& begin, const Value& end, const Value& step) {
  if (subject.is(Kind::undefined)) refuse_undefined(subject);
  const int64_t stride = bound(step).value_or(1);
  if (stride == 0) throw Failure{"a slice with step 0"};
  if (subject.is(Kind::text)) {
    runtime.spend(int64_t(subject.text().size()) / 8);
    const auto all = characters(subject.text());
    std::string text;
    for (const size_t at : slice_places(int64_t(all.size()), bound(begin), bound(end), stride))
      text += all[at];
    return like(subject, std::move(text));
  }
  if (!subject.is(Kind::list) || subject.is_generator())
    throw Failure{fmt::format("a slice of {}", subject.kind_name())};
  runtime.spend(1 + int64_t(subject.items().size()) / 4);
  std::vector<Value> items;
  for (const size_t at : slice_places(int64_t(subject.items().size()), bound(begin), bound(end), stride))
    items.push_back(subject.items()[at]);
  return Value::list(std::move(items), subject.is_tuple());
}

}  // namespace fettle::jinja
