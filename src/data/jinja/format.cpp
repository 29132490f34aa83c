// "…" % values: printf as Python has it.
#include <algorithm>
#include <cstdio>

#include "data/jinja/operators.h"
#include "data/jinja/text.h"

#include <fmt/format.h>

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

constexpr size_t kMostDigits = 3;  // of a width or a precision

struct Directive {
  std::string flags, precision;
  int width = 0;
  char kind = 0;
};

Directive read_directive(std::string_view format, size_t& at) {
  const auto take_while = [&](std::string_view allowed) {
    const size_t begin = at;
    while (at < format.size() && allowed.find(format[at]) != allowed.npos) ++at;
    return std::string(format.substr(begin, at - begin));
  };
  Directive directive;
  directive.flags = take_while("-+ 0#");
  const std::string width = take_while("0123456789");
  if (at < format.size() && format[at] == '.') directive.precision = take_while(".0123456789");
  if (width.size() > kMostDigits || directive.precision.size() > kMostDigits + 1 ||
      directive.flags.size() > 5)
    throw Failure{"`%` with a width of more than three digits"};
  directive.width = width.empty() ? 0 : std::stoi(width);
  if (at < format.size()) directive.kind = format[at++];
  return directive;
}

std::string padded(std::string text, const Directive& directive) {
  const int64_t missing = directive.width - character_count(text);
  if (missing <= 0) return text;
  const bool left = directive.flags.find('-') != std::string::npos;
  return text.insert(left ? text.size() : 0, size_t(missing), ' ');
}

std::string number(const Directive& directive, const Value& value) {
  if (!value.is_number()) throw Failure{fmt::format("`%{}` of {}", directive.kind, value.kind_name())};
  const bool real = directive.kind == 'f' || directive.kind == 'e' || directive.kind == 'g';
  const std::string spec = "%" + directive.flags +
                           (directive.width ? fmt::format("{}", directive.width) : "") + directive.precision +
                           (real ? "" : "ll") + (directive.kind == 'i' ? 'd' : directive.kind);
  char text[1400];  // 309 digits in front of 999 behind the point
  const int64_t whole =
      value.is(Kind::real) ? int64_t(std::clamp(value.real(), -0x1p62, 0x1p62)) : value.whole();
  const int size = real ? std::snprintf(text, sizeof text, spec.c_str(), value.real())
                        : std::snprintf(text, sizeof text, spec.c_str(), static_cast<long long>(whole));
  return std::string(text, size_t(std::clamp(size, 0, int(sizeof text) - 1)));
}

std::string written(Runtime& runtime, const Directive& directive, const Value& value) {
  if (directive.kind == 's') return padded(to_text(runtime, value), directive);
  if (directive.kind == 'r') return padded(to_repr(runtime, value), directive);
  if (std::string_view("dixfeg").find(directive.kind) == std::string_view::npos || directive.kind == 0)
    throw Failure{fmt::format("`%{}` is no conversion here", directive.kind ? directive.kind : ' ')};
  return number(directive, value);
}

}  // namespace

std::string percent_format(Runtime& runtime, std::string_view format, const Value& value) {
  const bool several = value.is(Kind::list) && value.is_tuple();
  size_t used = 0;
  const auto next = [&]() -> const Value& {
    if (used >= (several ? value.items().size() : 1)) throw Failure{"fewer values than `%` in a format"};
    return several ? value.items()[used++] : (++used, value);
  };
  std::string out;
  for (size_t at = 0; at < format.size();) {
    const size_t mark = std::min(format.find('%', at), format.size());
    out += format.substr(at, mark - at);
    at = mark;
    if (at == format.size()) break;
    if (format.substr(++at).starts_with('%')) {
      out += '%';
      ++at;
      continue;
    }
    const Directive directive = read_directive(format, at);
    runtime.spend(1 + directive.width / 32);
    out += written(runtime, directive, next());
  }
  if (several && used < value.items().size()) throw Failure{"more values than `%` in a format"};
  runtime.spend_bytes(out.size());
  return out;
}

}  // namespace fettle::jinja
