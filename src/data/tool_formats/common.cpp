#include "data/tool_formats/common.h"

#include "base/error.h"

namespace fettle::tool_writers {

namespace {
bool is_wrapped(const ordered_json& tool) {
  const auto type = tool.find("type");
  return type != tool.end() && *type == "function";
}
}  // namespace

[[noreturn]] void fail(std::string what, std::string hint) {
  throw Error({.what = std::move(what), .where = "", .hint = std::move(hint)});
}

ordered_json wrapped(const ordered_json& tool) {
  if (is_wrapped(tool)) return tool;
  return {{"type", "function"}, {"function", tool}};
}

const ordered_json& member(const ordered_json& object, const char* key, const std::string& what) {
  if (!object.is_object() || !object.contains(key)) fail(fmt::format("{} has no \"{}\"", what, key));
  return object[key];
}

std::string text_or_none(const ordered_json& object, const char* key, const std::string& what) {
  const auto it = object.find(key);
  if (it == object.end()) return "";
  if (!it->is_string()) fail(fmt::format("{}: \"{}\" is {}; text was expected", what, key, it->type_name()));
  return it->get<std::string>();
}

std::string text_member(const ordered_json& object, const char* key, const std::string& what) {
  member(object, key, what);
  return text_or_none(object, key, what);
}

const ordered_json& bare(const ordered_json& tool, const std::string& place) {
  return is_wrapped(tool) ? member(tool, "function", place) : tool;
}

std::string json_call(const FunctionCall& call, std::string_view arguments_key) {
  return fmt::format("{{\"name\": {}, \"{}\": {}}}", ordered_json(call.name).dump(), arguments_key,
                     call.arguments);
}

ordered_json named_arguments(const FunctionCall& call) {
  ordered_json arguments = read_python_json(call.arguments, "the arguments of a call");
  if (!arguments.is_object())
    fail(fmt::format("the arguments of a call of \"{}\" are {}; an object was expected", call.name,
                     arguments.type_name()));
  return arguments;
}

std::string plain_value(const ordered_json& value) {
  return value.is_string() ? value.get<std::string>() : python_json(value);
}

}  // namespace fettle::tool_writers
