// Methods of lists and dicts. Those that would change one are refused, as transformers' sandbox does.
#include <algorithm>

#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"

namespace fettle::jinja {

namespace {

Value refuse(const Call& call) {
  call.fail("would change its subject, which a chat template cannot: build a new one, e.g. with `+`");
}

Value index(const Call& call) {
  const auto& items = call.subject.items();
  for (size_t i = 0; i < items.size(); ++i)
    if (equal(call.runtime, items[i], call.value(0))) return int64_t(i);
  call.fail("of what is not in it");
}

Value count(const Call& call) {
  const auto& items = call.subject.items();
  return int64_t(std::count_if(items.begin(), items.end(),
                               [&](const Value& one) { return equal(call.runtime, one, call.value(0)); }));
}

Value get(const Call& call) {
  if (const Value* const value = find_key(call.runtime, call.subject, call.value(0))) return *value;
  return call.has(1) ? call.value(1) : Value(None());
}

Value values(const Call& call) {
  std::vector<Value> all;
  for (const auto& pair : call.subject.pairs()) all.push_back(pair.second);
  return Value::list(std::move(all));
}

constexpr Builtin kListRows[] = {
    {"append", "*", refuse},
    {"clear", "*", refuse},
    {"copy", "", [](const Call& call) { return call.subject; }},
    {"count", "value", count},
    {"extend", "*", refuse},
    {"index", "value", index},
    {"insert", "*", refuse},
    {"pop", "*", refuse},
    {"remove", "*", refuse},
    {"reverse", "*", refuse},
    {"sort", "*", refuse},
};

constexpr Builtin kDictRows[] = {
    {"clear", "*", refuse},
    {"copy", "", [](const Call& call) { return call.subject; }},
    {"get", "key default", get},
    {"items", "", [](const Call& call) { return Value::list(call.subject.pair_tuples()); }},
    {"keys", "", [](const Call& call) { return Value::list(iterated(call.runtime, call.subject)); }},
    {"pop", "*", refuse},
    {"popitem", "*", refuse},
    {"setdefault", "*", refuse},
    {"update", "*", refuse},
    {"values", "", values},
};

}  // namespace

std::span<const Builtin> list_methods() {
  return kListRows;
}

std::span<const Builtin> dict_methods() {
  return kDictRows;
}

}  // namespace fettle::jinja
