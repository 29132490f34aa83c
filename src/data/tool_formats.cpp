#include "data/tool_formats.h"

#include "base/error.h"
#include "data/tool_formats/common.h"

namespace fettle {

namespace {

using namespace tool_writers;

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

/// The first text from the opening word to the nearest closing one, both included; empty when there is none.
std::string_view enclosed(std::string_view text, const WordPair& words) {
  const auto& [open, close] = words;
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

std::span<const ToolFormat* const> tool_formats() {
  static constexpr const ToolFormat* kFormats[] = {
      &kDefaultTools, &kGemma4Tools, &kGlm4Tools,     &kGlm4MoeTools,  &kLfm2Tools,
      &kLingTools,    &kLlama3Tools, &kMiniMax1Tools, &kMiniMax2Tools, &kMistralTools,
      &kQwenTools,    &kQwen35Tools, &kSeedOssTools,
  };
  return kFormats;
}

const ToolFormat& find_tool_format(std::string_view name) {
  std::vector<std::string> names;
  for (const ToolFormat* format : tool_formats()) {
    if (format->name == name) return *format;
    names.emplace_back(format->name);
  }
  throw Error({.what = fmt::format("there is no tool format \"{}\"", name),
               .where = "tool_format",
               .hint = fmt::format("tool formats: {}", fmt::join(names, ", "))});
}

std::string tools_text(const ToolFormat& format, std::string_view tools, std::string_view date) {
  if (!format.describe) return fmt::format("{}{}{}", format.verbatim.open, tools, format.verbatim.close);
  const ordered_json list = read_python_json(tools, "the tool description");
  if (!list.is_array())
    fail(fmt::format("the tool description is {}; a list of tools was expected", list.type_name()));
  for (const ordered_json& tool : list)
    if (!tool.is_object())
      fail(fmt::format("the tool description holds {}; objects were expected", tool.type_name()));
  return list.empty() ? "" : format.describe(list, date);
}

std::string calls_text(const ToolFormat& format, std::string_view content, const CallWords* words) {
  if (words) {
    const std::string_view call = enclosed(content, words->call);
    if (!call.empty()) {
      std::string_view json = call.substr(words->call.open.size());
      json.remove_suffix(words->call.close.size());
      return without(content, call) + format.write_calls(calls_of(json));
    }
    const std::string_view thought = enclosed(content, words->thought);
    if (!thought.empty())
      return std::string(thought) + format.write_calls(calls_of(without(content, thought)));
  }
  return format.write_calls(calls_of(content));
}

}  // namespace fettle
