#include "data/jinja/value.h"

#include <fmt/format.h>

#include <algorithm>

namespace fettle::jinja {

namespace {

constexpr int kMostDepth = 200;  // printing and comparing recurse

constexpr std::string_view kKindNames[] = {"undefined", "None",   "a bool", "an integer", "a float",
                                           "a string",  "a list", "a dict", "an object"};

int checked_depth(int deepest_part) {
  if (deepest_part >= kMostDepth)
    throw Failure{fmt::format("lists and dicts are nested more than {} deep", kMostDepth)};
  return deepest_part + 1;
}

}  // namespace

std::optional<Value> Object::attribute(Runtime&, std::string_view) const {
  return std::nullopt;
}

Value Object::call(Runtime&, const Arguments&) const {
  throw Failure{fmt::format("a {} cannot be called", kind())};
}

Value Value::list(std::vector<Value> items, bool tuple) {
  return of_shape(std::move(items), tuple ? ListShape::tuple : ListShape::list);
}

Value Value::generator(std::vector<Value> items) {
  return of_shape(std::move(items), ListShape::generator);
}

Value Value::of_shape(std::vector<Value> items, ListShape shape) {
  int deepest = 0;
  for (const Value& item : items) deepest = std::max(deepest, item.depth());
  Value value;
  value.data_ = std::make_shared<const List>(List{std::move(items), shape, checked_depth(deepest)});
  return value;
}

Value Value::markup(std::string text) {
  Value value;
  value.data_ = std::make_shared<const Text>(Text{std::move(text), true});
  return value;
}

Value Value::dict(std::vector<std::pair<Value, Value>> items) {
  int deepest = 0;
  for (const auto& [key, item] : items) deepest = std::max({deepest, key.depth(), item.depth()});
  Value value;
  value.data_ = std::make_shared<const Dict>(Dict{std::move(items), checked_depth(deepest)});
  return value;
}

Value Value::undefined(std::string what) {
  return Undefined{std::make_shared<const std::string>(std::move(what))};
}

const std::vector<Value>& Value::items() const {
  return std::get<std::shared_ptr<const List>>(data_)->items;
}

ListShape Value::shape() const {
  return std::get<std::shared_ptr<const List>>(data_)->shape;
}

std::vector<Value> Value::read(size_t most) const {
  const List& list = *std::get<std::shared_ptr<const List>>(data_);
  const auto begin = list.items.begin() + int64_t(list.read);
  list.read += std::min(most, list.items.size() - list.read);
  return {begin, list.items.begin() + int64_t(list.read)};
}

const std::vector<std::pair<Value, Value>>& Value::pairs() const {
  return std::get<std::shared_ptr<const Dict>>(data_)->pairs;
}

std::vector<Value> Value::pair_tuples() const {
  std::vector<Value> tuples;
  for (const auto& [key, value] : pairs()) tuples.push_back(list({key, value}, true));
  return tuples;
}

bool Value::truthy() const {
  switch (kind()) {
    case Kind::undefined:
    case Kind::none:
      return false;
    case Kind::boolean:
    case Kind::integer:
      return whole() != 0;
    case Kind::real:
      return real() != 0;
    case Kind::text:
      return !text().empty();
    case Kind::list:
      return is_generator() || !items().empty();
    case Kind::dict:
      return !pairs().empty();
    case Kind::object:
      return true;
  }
  return false;
}

std::string_view Value::kind_name() const {
  if (is(Kind::object)) return object()->kind();
  if (is_tuple()) return "a tuple";
  if (is_generator()) return "a generator";
  return kKindNames[size_t(kind())];
}

int Value::depth() const {
  if (is(Kind::list)) return std::get<std::shared_ptr<const List>>(data_)->depth;
  if (is(Kind::dict)) return std::get<std::shared_ptr<const Dict>>(data_)->depth;
  return 0;
}

}  // namespace fettle::jinja
