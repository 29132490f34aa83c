// Filters of numbers, and of values of any kind.
#include <charconv>
#include <cmath>

#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

/// Python's int(text, base); nothing where it would raise.
std::optional<int64_t> whole_of(std::string_view text, int base) {
  text = strip(text, Side::both);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  constexpr std::pair<std::string_view, int> kPrefixes[] = {{"0x", 16}, {"0b", 2}, {"0o", 8}};
  for (const auto& [prefix, means] : kPrefixes)
    if (base == means && lower(text.substr(0, 2)) == prefix) text.remove_prefix(2);
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return minus ? -value : value;
}

std::optional<double> real_of(std::string_view text) {
  text = strip(text, Side::both);
  const bool minus = text.starts_with('-');
  if (minus || text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.starts_with('-')) return std::nullopt;
  return minus ? -value : value;
}

Value to_whole(const Call& call) {
  const Value otherwise = call.has(0) ? call.value(0) : Value(int64_t(0));
  if (call.subject.is_whole()) return call.subject.whole();
  std::optional<double> real;
  if (call.subject.is(Kind::real)) real = call.subject.real();
  if (call.subject.is(Kind::text)) {
    const int64_t base = call.whole(1, 10);
    if (base < 2 || base > 36) call.fail("to a base outside 2 … 36");
    if (const auto whole = whole_of(call.subject.text(), int(base))) return *whole;
    real = real_of(call.subject.text());
  }
  // Beyond this a double has no whole number of 64 bits.
  return real && std::fabs(*real) < 0x1p63 ? Value(int64_t(*real)) : otherwise;
}

Value to_real(const Call& call) {
  if (call.subject.is_number()) return call.subject.real();
  if (call.subject.is(Kind::text))
    if (const auto real = real_of(call.subject.text())) return *real;
  return call.has(0) ? call.value(0) : Value(0.0);
}

Value absolute(const Call& call) {
  if (!call.subject.is_number()) call.fail(fmt::format("of {}", call.subject.kind_name()));
  if (call.subject.is(Kind::real)) return std::fabs(call.subject.real());
  return call.subject.whole() < 0 ? negated(call.subject) : Value(call.subject.whole());
}

/// Python's round(): to the nearest decimal of the number as written, halves to even.
double rounded(double value, int digits) {
  if (digits < 0) {
    const double unit = std::pow(10.0, -digits);
    return std::nearbyint(value / unit) * unit;
  }
  double result = value;
  const std::string text = fmt::format("{:.{}f}", value, digits);
  std::from_chars(text.data(), text.data() + text.size(), result);
  return result;
}

Value round(const Call& call) {
  if (!call.subject.is_number()) call.fail(fmt::format("of {}", call.subject.kind_name()));
  const int64_t digits = call.whole(0, 0);
  if (digits < -300 || digits > 300) call.fail("to so many digits");
  const std::string method = call.text(1, "common");
  const double value = call.subject.real();
  if (method == "common") {
    if (call.subject.is_whole() && digits >= 0) return call.subject.whole();
    const double result = rounded(value, int(digits));
    return call.subject.is_whole() ? Value(int64_t(result)) : Value(result);
  }
  if (method != "ceil" && method != "floor")
    call.fail(fmt::format("by `{}`: it rounds by `common`, `ceil` or `floor`", method));
  const double unit = std::pow(10.0, double(digits)), scaled = value * unit;
  return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / unit;
}

Value otherwise(const Call& call) {
  const bool replaced = call.flag(1, false) ? !call.subject.truthy() : call.subject.is(Kind::undefined);
  if (!replaced) return call.subject;
  return call.has(0) ? call.value(0) : Value("");
}

/// Unlike the `.` of an expression it does not look among a dict's items.
Value only_attribute(const Call& call) {
  const std::string name = call.text(0);
  if (!call.subject.is(Kind::dict) || find_method(call.subject, name))
    return attribute(call.runtime, call.subject, name);
  return Value::undefined(fmt::format("a dict has no attribute `{}`", name));
}

constexpr Builtin kRows[] = {
    {"abs", "", absolute},
    {"attr", "name", only_attribute},
    {"d", "default_value boolean", otherwise},
    {"default", "default_value boolean", otherwise},
    {"float", "default", to_real},
    {"int", "default base", to_whole},
    {"round", "precision method", round},
};

}  // namespace

std::span<const Builtin> value_filters() {
  return kRows;
}

}  // namespace fettle::jinja
