#include "token/json_node.h"

#include <fmt/format.h>

#include "base/error.h"

namespace fettle {

void JsonNode::fail(std::string_view what, std::string hint) const {
  throw Error({.what = key_.empty() ? std::string(what) : fmt::format("{}: {}", key_, what),
               .where = file_,
               .hint = std::move(hint)});
}

void JsonNode::expect(bool is_so, std::string_view what) const {
  if (!is_so) fail(fmt::format("{} where {} is expected", value_->type_name(), what));
}

const nlohmann::json::object_t& JsonNode::object() const {
  expect(value_->is_object(), "an object");
  return *value_->get_ptr<const nlohmann::json::object_t*>();
}

const nlohmann::json::array_t& JsonNode::array() const {
  expect(value_->is_array(), "an array");
  return *value_->get_ptr<const nlohmann::json::array_t*>();
}

size_t JsonNode::length() const {
  return array().size();
}

std::optional<JsonNode> JsonNode::find(std::string_view name) const {
  const auto& members = object();
  const auto member = members.find(name);
  if (member == members.end() || member->second.is_null()) return std::nullopt;
  return JsonNode(member->second, file_, key_.empty() ? std::string(name) : fmt::format("{}.{}", key_, name));
}

JsonNode JsonNode::at(std::string_view name) const {
  if (auto found = find(name)) return *found;
  fail(fmt::format("\"{}\" is missing", name));
}

JsonNode JsonNode::item(size_t index) const {
  return {array().at(index), file_, fmt::format("{}[{}]", key_, index)};
}

const std::string& JsonNode::text() const {
  expect(value_->is_string(), "a string");
  return *value_->get_ptr<const std::string*>();
}

bool JsonNode::flag() const {
  expect(value_->is_boolean(), "true or false");
  return value_->get<bool>();
}

int64_t JsonNode::integer() const {
  expect(value_->is_number_integer(), "an integer");
  return value_->get<int64_t>();
}

bool JsonNode::flag_or(std::string_view name, bool fallback) const {
  const auto found = find(name);
  return found ? found->flag() : fallback;
}

std::string JsonNode::text_or(std::string_view name, std::string fallback) const {
  const auto found = find(name);
  return found ? found->text() : std::move(fallback);
}

}  // namespace fettle
