// default: a list in words. phi4_mini keeps the list as it is and writes its calls in words.
#include <algorithm>

#include "data/tool_formats/common.h"

namespace fettle {

namespace {

using namespace tool_writers;

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

std::string describe(const ordered_json& tools, std::string_view) {
  std::string list;
  std::vector<std::string> names;
  for (const ordered_json& entry : tools) {
    const std::string place = fmt::format("tool {}", names.size() + 1);
    const ordered_json& tool = bare(entry, place);
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

std::string write_calls(std::span<const FunctionCall> calls) {
  return each_call(calls, "\n", [](const FunctionCall& call) {
    return fmt::format("Action: {}\nAction Input: {}", call.name, call.arguments);
  });
}

}  // namespace

constinit const ToolFormat kDefaultTools = {"default", describe, write_calls};
constinit const ToolFormat kPhi4MiniTools = {
    .name = "phi4_mini", .write_calls = write_calls, .verbatim = {"<|tool|>", "<|/tool|>"}};

}  // namespace fettle
