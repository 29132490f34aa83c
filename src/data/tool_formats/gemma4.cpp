// gemma4: declarations and calls in a notation of its own, texts between <|"|>.
#include <algorithm>

#include "data/tool_formats/common.h"

namespace fettle {

namespace {

using namespace tool_writers;

std::string in_quotes(std::string_view text) {
  return fmt::format("<|\"|>{}<|\"|>", text);
}

/// As LLaMA-Factory, whose types are words of ASCII.
std::string upper(std::string text) {
  for (char& c : text)
    if (c >= 'a' && c <= 'z') c = char(c - 'a' + 'A');
  return text;
}

bool given(const ordered_json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && !it->is_null() && !it->empty() && *it != "";
}

std::string joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ","));
}

/// description:…,type:… of what says both or one.
std::vector<std::string> described(const ordered_json& object, const std::string& what) {
  std::vector<std::string> parts;
  if (given(object, "description"))
    parts.push_back("description:" + in_quotes(text_or_none(object, "description", what)));
  if (given(object, "type")) parts.push_back("type:" + in_quotes(upper(text_or_none(object, "type", what))));
  return parts;
}

std::string properties_of(const ordered_json& properties, const std::string& tool) {
  std::vector<std::string> parts;
  for (const auto& [name, schema] : properties.items()) {
    const std::string what = fmt::format("{}, parameter \"{}\"", tool, name);
    if (!schema.is_object()) fail(fmt::format("{} is {}; an object was expected", what, schema.type_name()));
    parts.push_back(fmt::format("{}:{{{}}}", name, joined(described(schema, what))));
  }
  return joined(parts);
}

std::string required_of(const ordered_json& list, const std::string& what) {
  std::vector<std::string> names;
  for (const ordered_json& name : list) {
    if (!name.is_string())
      fail(fmt::format("{}: \"required\" holds {}; texts were expected", what, name.type_name()));
    names.push_back(in_quotes(name.get<std::string>()));
  }
  return joined(names);
}

std::string parameters_of(const ordered_json& parameters, const std::string& what) {
  std::vector<std::string> parts;
  if (given(parameters, "properties"))
    parts.push_back(fmt::format("properties:{{{}}}", properties_of(parameters["properties"], what)));
  if (given(parameters, "required"))
    parts.push_back(fmt::format("required:[{}]", required_of(parameters["required"], what)));
  if (given(parameters, "type"))
    parts.push_back("type:" + in_quotes(upper(text_or_none(parameters, "type", what))));
  return joined(parts);
}

/// Of an answer only the kind that has parts is named.
std::string response_of(const ordered_json& response, const std::string& what) {
  std::vector<std::string> parts;
  if (given(response, "description"))
    parts.push_back("description:" + in_quotes(text_or_none(response, "description", what)));
  if (given(response, "type") && upper(text_or_none(response, "type", what)) == "OBJECT")
    parts.push_back("type:" + in_quotes("OBJECT"));
  return joined(parts);
}

std::string declaration(const ordered_json& entry, const std::string& place) {
  const ordered_json& tool = bare(entry, place);
  const std::string name = text_member(tool, "name", place), what = fmt::format("tool \"{}\"", name);
  std::string text =
      fmt::format("declaration:{}{{description:{}", name, in_quotes(text_or_none(tool, "description", what)));
  if (given(tool, "parameters"))
    text += fmt::format(",parameters:{{{}}}", parameters_of(tool["parameters"], what));
  if (given(tool, "response")) text += fmt::format(",response:{{{}}}", response_of(tool["response"], what));
  return text + "}";
}

std::string describe(const ordered_json& tools, std::string_view) {
  std::vector<std::string> declarations;
  for (const ordered_json& tool : tools)
    declarations.push_back(declaration(tool, fmt::format("tool {}", declarations.size() + 1)));
  return fmt::format("{}", fmt::join(declarations, "\n"));
}

std::string value_text(const ordered_json& value);

/// key:value of an object, its keys sorted.
std::string members_text(const ordered_json& object) {
  std::vector<std::string> keys, parts;
  for (const auto& item : object.items()) keys.push_back(item.key());
  std::sort(keys.begin(), keys.end());
  for (const std::string& key : keys) parts.push_back(key + ":" + value_text(object[key]));
  return joined(parts);
}

std::string value_text(const ordered_json& value) {
  if (value.is_string()) return in_quotes(value.get<std::string>());
  if (value.is_object()) return "{" + members_text(value) + "}";
  if (!value.is_array()) return python_json(value);
  std::vector<std::string> parts;
  for (const ordered_json& part : value) parts.push_back(value_text(part));
  return "[" + joined(parts) + "]";
}

std::string write_calls(std::span<const FunctionCall> calls) {
  return each_call(calls, "", [](const FunctionCall& call) {
    const ordered_json arguments = read_python_json(call.arguments, "the arguments of a call");
    const std::string inside = arguments.is_object()   ? members_text(arguments)
                               : arguments.is_string() ? arguments.get<std::string>()
                                                       : value_text(arguments);
    return fmt::format("<|tool_call>call:{}{{{}}}<tool_call|>", call.name, inside);
  });
}

}  // namespace

constinit const ToolFormat kGemma4Tools = {"gemma4", describe, write_calls};

}  // namespace fettle
