// Python's operators on values. Failure names what an operator cannot be applied to.
#pragma once

#include <string_view>
#include <vector>

#include "data/jinja/runtime.h"

namespace fettle::jinja {

/// a == b; never fails.
bool equal(Runtime& runtime, const Value& a, const Value& b);
/// a < b of two numbers, texts or lists.
bool less(Runtime& runtime, const Value& a, const Value& b);
/// `item in container`.
bool contains(Runtime& runtime, const Value& container, const Value& item);
/// "+", "-", "*", "/", "//", "%" or "**".
Value arithmetic(Runtime& runtime, std::string_view sign, const Value& a, const Value& b);
Value negated(const Value& value);

/// What a loop runs over: items, characters, keys; nothing for undefined.
std::vector<Value> iterated(Runtime& runtime, const Value& value);
int64_t length(const Value& value);

/// subject.name: a method, else an item of that key; undefined when there is neither.
Value attribute(Runtime& runtime, const Value& subject, std::string_view name);
/// subject[key]: an item, else a method; undefined when there is neither.
Value item(Runtime& runtime, const Value& subject, const Value& key);
/// The value of a key; null when there is none.
const Value* find_key(Runtime& runtime, const Value& dict, const Value& key);
/// Puts a value under a key: in the place of an equal one, else behind all others.
void set_key(Runtime& runtime, std::vector<std::pair<Value, Value>>& pairs, Value key, Value value);
/// subject[begin:end:step], each None where it is not given.
Value slice(Runtime& runtime, const Value& subject, const Value& begin, const Value& end, const Value& step);
/// "…" % value.
std::string percent_format(Runtime& runtime, std::string_view format, const Value& value);

}  // namespace fettle::jinja
