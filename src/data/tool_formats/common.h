// What the writers of tools and calls share.
#pragma once

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "data/python_json.h"
#include "data/tool_formats.h"

namespace fettle::tool_writers {

using nlohmann::ordered_json;

[[noreturn]] void fail(std::string what, std::string hint = "");

/// Many registries wrap a tool as {"type": "function", "function": {…}}; some formats want it so, others
/// bare.
ordered_json wrapped(const ordered_json& tool);
/// Error when a wrapping holds nothing; `place` says which tool it is.
const ordered_json& bare(const ordered_json& tool, const std::string& place);

/// A member that must be there; Error says of what.
const ordered_json& member(const ordered_json& object, const char* key, const std::string& what);
/// A text member; "" when there is none.
std::string text_or_none(const ordered_json& object, const char* key, const std::string& what);
std::string text_member(const ordered_json& object, const char* key, const std::string& what);

/// {"name": …, "<arguments_key>": …}
std::string json_call(const FunctionCall& call, std::string_view arguments_key);
/// The arguments of a call that are written one by one: Error when they are no object.
ordered_json named_arguments(const FunctionCall& call);
/// A text as it is, anything else as JSON.
std::string plain_value(const ordered_json& value);

template <class Write>
std::string each_call(std::span<const FunctionCall> calls, std::string_view between, const Write& write) {
  std::vector<std::string> texts;
  for (const FunctionCall& call : calls) texts.push_back(write(call));
  return fmt::format("{}", fmt::join(texts, between));
}

/// `write(tool, place)` of every tool, one behind the other.
template <class Write>
std::string each_tool(const ordered_json& tools, const Write& write) {
  std::string text;
  for (size_t i = 0; i < tools.size(); ++i) text += write(tools[i], fmt::format("tool {}", i + 1));
  return text;
}

}  // namespace fettle::tool_writers
