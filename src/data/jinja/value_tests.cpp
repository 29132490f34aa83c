// What stands behind `is`.
#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

template <Kind kind>
Value is_kind(const Call& call) {
  return call.subject.is(kind);
}

template <bool value>
Value is_bool(const Call& call) {
  return call.subject.is(Kind::boolean) && (call.subject.whole() != 0) == value;
}

Value is_equal(const Call& call) {
  return equal(call.runtime, call.subject, call.value(0));
}
Value is_unequal(const Call& call) {
  return !equal(call.runtime, call.subject, call.value(0));
}
Value is_less(const Call& call) {
  return less(call.runtime, call.subject, call.value(0));
}
Value is_greater(const Call& call) {
  return less(call.runtime, call.value(0), call.subject);
}
Value is_at_most(const Call& call) {
  return is_less(call).truthy() || is_equal(call).truthy();
}
Value is_at_least(const Call& call) {
  return is_greater(call).truthy() || is_equal(call).truthy();
}

/// Whole numbers only; `by` 0 is refused by the operator.
bool divisible(const Call& call, const Value& by) {
  return !arithmetic(call.runtime, "%", call.subject, by).truthy();
}

/// Cased letters, all of them so (Python's islower and isupper).
Value is_cased(const Call& call, std::string (*as)(std::string_view),
               std::string (*other)(std::string_view)) {
  const std::string text = to_text(call.runtime, call.subject);
  return as(text) == text && other(text) != text;
}

/// Python's `is`: values that are not looked into are the same when they are equal and of one kind.
Value is_same(const Call& call) {
  const Value& other = call.value(0);
  return call.subject.kind() == other.kind() && equal(call.runtime, call.subject, other);
}

Value is_iterable(const Call& call) {
  const Kind kind = call.subject.kind();
  return kind == Kind::undefined || kind == Kind::text || kind == Kind::list || kind == Kind::dict;
}

constexpr Builtin kRows[] = {
    {"boolean", "", is_kind<Kind::boolean>},
    {"callable", "",
     [](const Call& call) {
       return Value(call.subject.is(Kind::object) && call.subject.object()->callable());
     }},
    {"defined", "", [](const Call& call) { return Value(!call.subject.is(Kind::undefined)); }},
    {"divisibleby", "num", [](const Call& call) { return Value(divisible(call, call.value(0))); }},
    {"eq", "other", is_equal},
    {"equalto", "other", is_equal},
    {"even", "", [](const Call& call) { return Value(divisible(call, int64_t(2))); }},
    {"false", "", is_bool<false>},
    {"filter", "", [](const Call& call) { return Value(find_filter(call.subject_text()) != nullptr); }},
    {"float", "", is_kind<Kind::real>},
    {"ge", "other", is_at_least},
    {"greaterthan", "other", is_greater},
    {"gt", "other", is_greater},
    {"in", "seq",
     [](const Call& call) { return Value(contains(call.runtime, call.value(0), call.subject)); }},
    {"integer", "", is_kind<Kind::integer>},
    {"iterable", "", is_iterable},
    {"le", "other", is_at_most},
    {"lessthan", "other", is_less},
    {"lower", "", [](const Call& call) { return is_cased(call, lower, upper); }},
    {"lt", "other", is_less},
    {"mapping", "", is_kind<Kind::dict>},
    {"ne", "other", is_unequal},
    {"none", "", is_kind<Kind::none>},
    {"number", "", [](const Call& call) { return Value(call.subject.is_number()); }},
    {"odd", "", [](const Call& call) { return Value(!divisible(call, int64_t(2))); }},
    {"sameas", "other", is_same},
    {"sequence", "",
     [](const Call& call) { return Value(!call.subject.is_generator() && is_iterable(call).truthy()); }},
    {"string", "", is_kind<Kind::text>},
    {"test", "", [](const Call& call) { return Value(find_test(call.subject_text()) != nullptr); }},
    {"true", "", is_bool<true>},
    {"undefined", "", is_kind<Kind::undefined>},
    {"upper", "", [](const Call& call) { return is_cased(call, upper, lower); }},
};

}  // namespace

std::span<const Builtin> value_tests() {
  return kRows;
}

}  // namespace fettle::jinja
