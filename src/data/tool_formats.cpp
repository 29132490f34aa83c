#include "data/tool_formats.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "base/error.h"
#include "data/python_json.h"

namespace fettle {

namespace {

using nlohmann::ordered_json;

[[noreturn]] void fail(std::string what, std::string hint = "") {
  throw Error({.what = std::move(what), .where = "", .hint = std::move(hint)});
}

/// Many registries wrap a tool as {"type": "function", "function": {…}}.
bool is_wrapped(const ordered_json& tool) {
  const auto type = tool.find("type");
  return type != tool.end() && *type == "function";
}

ordered_json wrapped(const ordered_json& tool) {
  if (is_wrapped(tool)) return tool;
  return {{"type", "function"}, {"function", tool}};
}

const ordered_json& member(const ordered_json& object, const char* key, const std::string& what) {
  if (!object.is_object() || !object.contains(key)) fail(fmt::format("{} has no \"{}\"", what, key));
  return object[key];
}

/// A text member; "" when there is none.
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

// ---- default: a plain list in words

/// ", should be one of [a, b]": only for a list with something in it.
std::string choices(const ordered_json& parameter, const std::string& what) {
  const auto it = parameter.find("enum");
  if (it == parameter.end() || it->is_null() || it->empty()) return "";
  std::vector<std::string> names;
  for (const ordered_json& choice : *it) {
    if (!choice.is_string())
      fail(fmt::format("{}: \"enum\" holds {}; texts were expected", what, choice.type_name()));
    names.push_back(choice.get<std::string>());
  }
  return fmt::format(", should be one of [{}]", fmt::join(names, ", "));
}

std::string item_type(const ordered_json& parameter, const std::string& what) {
  const auto it = parameter.find("items");
  if (it == parameter.end() || it->is_null() || it->empty()) return "";
  if (!it->is_object())
    fail(fmt::format("{}: \"items\" is {}; an object was expected", what, it->type_name()));
  return ", where each item should be " + text_or_none(*it, "type", what + ", items");
}

bool is_required(const ordered_json& parameters, const std::string& name) {
  const auto it = parameters.find("required");
  return it != parameters.end() && it->is_array() && std::find(it->begin(), it->end(), name) != it->end();
}

std::string parameter_lines(const ordered_json& parameters, const std::string& tool) {
  std::string lines;
  for (const auto& [name, parameter] : member(parameters, "properties", tool + ", parameters").items()) {
    const std::string what = fmt::format("{}, parameter \"{}\"", tool, name);
    if (!parameter.is_object())
      fail(fmt::format("{} is {}; an object was expected", what, parameter.type_name()));
    lines += fmt::format("  - {} ({}{}): {}{}{}\n", name, text_or_none(parameter, "type", what),
                         is_required(parameters, name) ? ", required" : "",
                         text_or_none(parameter, "description", what), choices(parameter, what),
                         item_type(parameter, what));
  }
  return lines;
}

std::string describe_in_words(const ordered_json& tools) {
  std::string list;
  std::vector<std::string> names;
  for (const ordered_json& entry : tools) {
    const std::string place = fmt::format("tool {}", names.size() + 1);
    const ordered_json& tool = is_wrapped(entry) ? member(entry, "function", place) : entry;
    names.push_back(text_member(tool, "name", place));
    const std::string what = fmt::format("tool \"{}\"", names.back());
    list += fmt::format("> Tool Name: {}\nTool Description: {}\nTool Args:\n{}\n", names.back(),
                        text_or_none(tool, "description", what),
                        parameter_lines(member(tool, "parameters", what), what));
  }
  return fmt::format(
      "You have access to the following tools:\n{}Use the following format if using a tool:\n"
      "```\nAction: tool name (one of [{}])\n"
      "Action Input: the input to the tool, in a JSON format representing the kwargs "
      "(e.g. ```{{\"input\": \"hello world\", \"num_beams\": 5}}```)\n```\n",
      list, fmt::join(names, ", "));
}

template <class Write>
std::string each_call(std::span<const FunctionCall> calls, std::string_view between, const Write& write) {
  std::vector<std::string> texts;
  for (const FunctionCall& call : calls) texts.push_back(write(call));
  return fmt::format("{}", fmt::join(texts, between));
}

std::string calls_in_words(std::span<const FunctionCall> calls) {
  return each_call(calls, "\n", [](const FunctionCall& call) {
    return fmt::format("Action: {}\nAction Input: {}", call.name, call.arguments);
  });
}

// ---- the formats in JSON

std::string json_call(const FunctionCall& call, std::string_view arguments_key) {
  return fmt::format("{{\"name\": {}, \"{}\": {}}}", ordered_json(call.name).dump(), arguments_key,
                     call.arguments);
}

std::string describe_for_qwen(const ordered_json& tools) {
  std::string list;
  for (const ordered_json& tool : tools) list += "\n" + python_json(wrapped(tool));
  return fmt::format(
      "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>{}\n</tools>\n\n"
      "For each function call, return a json object with function name and arguments within "
      "<tool_call></tool_call> XML tags:\n<tool_call>\n"
      "{{\"name\": <function-name>, \"arguments\": <args-json-object>}}\n</tool_call>",
      list);
}

std::string calls_for_qwen(std::span<const FunctionCall> calls) {
  return each_call(calls, "\n", [](const FunctionCall& call) {
    return fmt::format("<tool_call>\n{}\n</tool_call>", json_call(call, "arguments"));
  });
}

std::string describe_for_mistral(const ordered_json& tools) {
  ordered_json list = ordered_json::array();
  for (const ordered_json& tool : tools) list.push_back(wrapped(tool));
  return fmt::format("[AVAILABLE_TOOLS] {}[/AVAILABLE_TOOLS]", python_json(list));
}

std::string calls_for_mistral(std::span<const FunctionCall> calls) {
  return fmt::format("[{}]",
                     each_call(calls, ", ", [](const FunctionCall& c) { return json_call(c, "arguments"); }));
}

std::string refuse_for_llama3(const ordered_json&) {
  fail(
      "tool descriptions are not supported with template llama3: LLaMA-Factory writes the day's date into "
      "them, and the same data would be other tokens tomorrow (leave `tools` out of the dataset's columns "
      "and "
      "describe the tools in the system text)");
}

std::string calls_for_llama3(std::span<const FunctionCall> calls) {
  const std::string list =
      each_call(calls, ", ", [](const FunctionCall& c) { return json_call(c, "parameters"); });
  return calls.size() == 1 ? list : "[" + list + "]";
}

// ---- the JSON of an answer

FunctionCall call_of(const ordered_json& call) {
  constexpr std::string_view kExpected = R"(expected {"name": …, "arguments": …})";
  if (!call.is_object()) fail(fmt::format("a function call is {}", call.type_name()), std::string(kExpected));
  for (const char* key : {"name", "arguments"})
    if (!call.contains(key)) fail(fmt::format("a function call has no \"{}\"", key), std::string(kExpected));
  return {text_member(call, "name", "a function call"), python_json(call["arguments"])};
}

std::vector<FunctionCall> calls_of(std::string_view text) {
  const ordered_json json = read_python_json(text, "a function call");
  std::vector<FunctionCall> calls;
  if (!json.is_array()) return {call_of(json)};
  for (const ordered_json& call : json) calls.push_back(call_of(call));
  if (calls.empty()) fail("a function call is an empty list");
  return calls;
}

/// The first text that begins with `open` and ends with the nearest `close`; empty when there is none.
std::string_view enclosed(std::string_view text, std::string_view open, std::string_view close) {
  const size_t begin = text.find(open);
  if (begin == text.npos) return {};
  const size_t end = text.find(close, begin + open.size());
  return end == text.npos ? std::string_view() : text.substr(begin, end + close.size() - begin);
}

std::string without(std::string_view text, std::string_view part) {
  std::string out;
  for (size_t at; (at = text.find(part)) != text.npos; text.remove_prefix(at + part.size()))
    out += text.substr(0, at);
  return out.append(text);
}

}  // namespace

constinit const ToolFormat kDefaultTools = {"default", describe_in_words, calls_in_words};
constinit const ToolFormat kLlama3Tools = {"llama3", refuse_for_llama3, calls_for_llama3};
constinit const ToolFormat kMistralTools = {"mistral", describe_for_mistral, calls_for_mistral};
constinit const ToolFormat kQwenTools = {"qwen", describe_for_qwen, calls_for_qwen};

std::string tools_text(const ToolFormat& format, std::string_view tools) {
  const ordered_json list = read_python_json(tools, "the tool description");
  if (!list.is_array())
    fail(fmt::format("the tool description is {}; a list of tools was expected", list.type_name()));
  for (const ordered_json& tool : list)
    if (!tool.is_object())
      fail(fmt::format("the tool description holds {}; objects were expected", tool.type_name()));
  return list.empty() ? "" : format.describe(list);
}

std::string calls_text(const ToolFormat& format, std::string_view content, const CallWords* words) {
  if (words) {
    const std::string_view call = enclosed(content, words->call_open, words->call_close);
    if (!call.empty()) {
      std::string_view json = call.substr(words->call_open.size());
      json.remove_suffix(words->call_close.size());
      return without(content, call) + format.write_calls(calls_of(json));
    }
    const std::string_view thought = enclosed(content, words->thought_open, words->thought_close);
    if (!thought.empty())
      return std::string(thought) + format.write_calls(calls_of(without(content, thought)));
  }
  return format.write_calls(calls_of(content));
}

}  // namespace fettle
