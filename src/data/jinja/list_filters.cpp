// Filters of lists, dicts and what else can be looped over.
#include <algorithm>

#include "data/jinja/builtins.h"
#include "data/jinja/markup.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

std::vector<Value> items_of(const Call& call) {
  return iterated(call.runtime, call.subject);
}

/// As map, select and their kin take it: what is false has no items, None too.
std::vector<Value> items_if_any(const Call& call) {
  return call.subject.truthy() ? items_of(call) : std::vector<Value>();
}

/// What is compared: texts without regard to case unless it is asked for.
Value folded(const Value& value, bool case_sensitive) {
  return !case_sensitive && value.is(Kind::text) ? Value(lower(value.text())) : value;
}

/// The item, or what `attribute` (parameter `at`) names of it.
Value looked_at(const Call& call, const Value& one, size_t at, bool case_sensitive) {
  const bool by_attribute = call.has(at) && !call.value(at).is(Kind::none);
  return folded(by_attribute ? dotted(call.runtime, one, call.value(at)) : one, case_sensitive);
}

/// Stable, by keys that are computed once.
std::vector<Value> sorted(Runtime& runtime, std::vector<std::pair<Value, Value>> keyed, bool reverse) {
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? less(runtime, b.first, a.first) : less(runtime, a.first, b.first);
  });
  std::vector<Value> values;
  values.reserve(keyed.size());
  for (auto& [key, value] : keyed) values.push_back(std::move(value));
  return values;
}

Value sort(const Call& call) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& one : items_of(call)) {
    Value key = looked_at(call, one, 2, call.flag(1, false));
    keyed.emplace_back(std::move(key), std::move(one));
  }
  return Value::list(sorted(call.runtime, std::move(keyed), call.flag(0, false)));
}

Value dict_sort(const Call& call) {
  if (!call.subject.is(Kind::dict)) call.fail(fmt::format("of {}", call.subject.kind_name()));
  const std::string by = call.text(1, "key");
  if (by != "key" && by != "value") call.fail(fmt::format("by `{}`: it sorts by `key` or `value`", by));
  std::vector<std::pair<Value, Value>> keyed;
  for (const auto& [key, value] : call.subject.pairs())
    keyed.emplace_back(folded(by == "key" ? key : value, call.flag(0, false)),
                       Value::list({key, value}, true));
  return Value::list(sorted(call.runtime, std::move(keyed), call.flag(2, false)));
}

/// Groups in order of their keys: tuples of the key and the items.
Value group_by(const Call& call) {
  std::vector<std::pair<Value, Value>> keyed;
  for (Value& one : items_of(call)) {
    Value key = dotted(call.runtime, one, call.value(0));
    if (key.is(Kind::undefined) && call.has(1)) key = call.value(1);
    Value pair = Value::list({key, std::move(one)}, true);
    keyed.emplace_back(folded(key, call.flag(2, false)), std::move(pair));
  }
  std::vector<Value> groups, members;
  Value key;
  const auto close = [&] {
    if (!members.empty()) groups.push_back(Value::list({key, Value::list(std::exchange(members, {}))}, true));
  };
  for (const Value& pair : sorted(call.runtime, std::move(keyed), false)) {
    const Value& next = pair.items()[0];
    if (members.empty() ||
        !equal(call.runtime, folded(next, call.flag(2, false)), folded(key, call.flag(2, false)))) {
      close();
      key = next;
    }
    members.push_back(pair.items()[1]);
  }
  close();
  return Value::list(std::move(groups));
}

Value unique(const Call& call) {
  std::vector<Value> seen, kept;
  for (Value& one : items_of(call)) {
    Value key = looked_at(call, one, 1, call.flag(0, false));
    if (std::any_of(seen.begin(), seen.end(),
                    [&](const Value& old) { return equal(call.runtime, old, key); }))
      continue;
    seen.push_back(std::move(key));
    kept.push_back(std::move(one));
  }
  return Value::generator(std::move(kept));
}

Value extreme(const Call& call, bool largest) {
  const std::vector<Value> items = items_of(call);
  if (items.empty()) return Value::undefined("an empty list has neither a smallest nor a largest item");
  const auto is_less = [&](const Value& a, const Value& b) {
    const Value x = looked_at(call, a, 1, call.flag(0, false)),
                y = looked_at(call, b, 1, call.flag(0, false));
    return largest ? less(call.runtime, y, x) : less(call.runtime, x, y);
  };
  return *std::min_element(items.begin(), items.end(), is_less);
}

Value sum(const Call& call) {
  Value total = call.has(1) ? call.value(1) : Value(int64_t(0));
  for (const Value& one : items_of(call))
    total = arithmetic(call.runtime, "+", total, looked_at(call, one, 0, true));
  return total;
}

Value join(const Call& call) {
  const std::string between = to_text(call.runtime, call.has(0) ? call.value(0) : Value(""));
  std::string out;
  bool first = true;
  for (const Value& one : items_of(call)) {
    if (!first) out += between;
    first = false;
    call.runtime.spend_bytes(between.size());
    out += to_text(call.runtime, looked_at(call, one, 1, true));
  }
  return out;
}

Value map(const Call& call) {
  const auto& [positional, named] = call.all;
  std::vector<Value> mapped;
  if (positional.empty()) {
    const Value *attribute = nullptr, *otherwise = nullptr;
    for (const auto& [name, value] : named) (name == "attribute" ? attribute : otherwise) = &value;
    if (!attribute) call.fail("needs the name of a filter or `attribute=`");
    for (const Value& one : items_if_any(call)) {
      const Value value = dotted(call.runtime, one, *attribute);
      mapped.push_back(value.is(Kind::undefined) && otherwise ? *otherwise : value);
    }
    return Value::generator(std::move(mapped));
  }
  if (!positional[0].is(Kind::text)) call.fail(fmt::format("by {}", positional[0].kind_name()));
  const Arguments rest{{positional.begin() + 1, positional.end()}, named};
  for (const Value& one : items_if_any(call))
    mapped.push_back(run_filter(call.runtime, positional[0].text(), one, rest));
  return Value::generator(std::move(mapped));
}

/// select, reject, selectattr, rejectattr: those for which a test holds; without a test those that are true.
Value chosen(const Call& call, bool by_attribute, bool wanted) {
  const auto& positional = call.all.positional;
  const size_t skip = by_attribute ? 1 : 0;
  if (positional.size() < skip) call.fail("needs the name of an attribute");
  Arguments rest{{}, call.all.named};
  for (size_t i = skip + 1; i < positional.size(); ++i) rest.positional.push_back(positional[i]);
  std::vector<Value> kept;
  for (Value& one : items_if_any(call)) {
    const Value seen = by_attribute ? dotted(call.runtime, one, positional[0]) : one;
    const bool holds = positional.size() <= skip
                           ? seen.truthy()
                           : run_test(call.runtime, to_text(call.runtime, positional[skip]), seen, rest);
    if (holds == wanted) kept.push_back(std::move(one));
  }
  return Value::generator(std::move(kept));
}

Value end_item(const Call& call, bool last) {
  if (call.subject.is_generator() && last) call.fail("of a generator");
  const std::vector<Value> items = call.subject.is_generator() ? call.subject.read(1) : items_of(call);
  if (items.empty()) return Value::undefined("an empty list has no first or last item");
  return last ? items.back() : items.front();
}

Value reversed(const Call& call) {
  std::vector<Value> items = items_of(call);
  std::reverse(items.begin(), items.end());
  if (call.subject.is_generator()) return Value::list(std::move(items));
  if (!call.subject.is(Kind::text)) return Value::generator(std::move(items));
  std::string text;
  for (const Value& one : items) text += one.text();
  return like(call.subject, std::move(text));
}

int64_t at_least_one(const Call& call) {
  const int64_t count = call.whole(0, 0);
  if (count < 1) call.fail("into fewer than one part");
  return count;
}

/// Rows of `count` items, the last one filled up where something to fill with is given.
Value batch(const Call& call) {
  const auto count = size_t(at_least_one(call));
  std::vector<Value> rows, row;
  for (Value& one : items_of(call)) {
    row.push_back(std::move(one));
    if (row.size() == count) rows.push_back(Value::list(std::exchange(row, {})));
  }
  if (row.empty()) return Value::generator(std::move(rows));
  if (call.has(1)) call.runtime.spend(int64_t(count));
  while (call.has(1) && row.size() < count) row.push_back(call.value(1));
  rows.push_back(Value::list(std::move(row)));
  return Value::generator(std::move(rows));
}

/// `count` columns, the first ones one longer where it does not come out even.
Value slice_columns(const Call& call) {
  const std::vector<Value> items = items_of(call);
  const auto count = size_t(at_least_one(call));
  call.runtime.spend(int64_t(count));
  const size_t each = items.size() / count, longer = items.size() % count;
  std::vector<Value> columns;
  for (size_t i = 0, at = 0; i < count; ++i) {
    const size_t size = each + (i < longer ? 1 : 0);
    std::vector<Value> column(items.begin() + int64_t(at), items.begin() + int64_t(at + size));
    at += size;
    if (call.has(1) && i >= longer && longer > 0) column.push_back(call.value(1));
    columns.push_back(Value::list(std::move(column)));
  }
  return Value::generator(std::move(columns));
}

Value pairs_of(const Call& call) {
  if (call.subject.is(Kind::undefined)) return Value::generator({});
  if (!call.subject.is(Kind::dict)) call.fail(fmt::format("of {}", call.subject.kind_name()));
  return Value::generator(call.subject.pair_tuples());
}

constexpr Builtin kRows[] = {
    {"batch", "linecount fill_with", batch},
    {"count", "", [](const Call& call) { return Value(length(call.subject)); }},
    {"dictsort", "case_sensitive by reverse", dict_sort},
    {"first", "", [](const Call& call) { return end_item(call, false); }},
    {"groupby", "attribute default case_sensitive", group_by},
    {"items", "", pairs_of},
    {"join", "d attribute", join},
    {"last", "", [](const Call& call) { return end_item(call, true); }},
    {"length", "", [](const Call& call) { return Value(length(call.subject)); }},
    {"list", "", [](const Call& call) { return Value::list(items_of(call)); }},
    {"map", "*", map},
    {"max", "case_sensitive attribute", [](const Call& call) { return extreme(call, true); }},
    {"min", "case_sensitive attribute", [](const Call& call) { return extreme(call, false); }},
    {"reject", "*", [](const Call& call) { return chosen(call, false, false); }},
    {"rejectattr", "*", [](const Call& call) { return chosen(call, true, false); }},
    {"reverse", "", reversed},
    {"select", "*", [](const Call& call) { return chosen(call, false, true); }},
    {"selectattr", "*", [](const Call& call) { return chosen(call, true, true); }},
    {"slice", "slices fill_with", slice_columns},
    {"sort", "reverse case_sensitive attribute", sort},
    {"sum", "attribute start", sum},
    {"unique", "case_sensitive attribute", unique},
};

}  // namespace

std::span<const Builtin> list_filters() {
  return kRows;
}

}  // namespace fettle::jinja
