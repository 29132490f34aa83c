// How templates write tools: the description of the tools behind the system text, and the calls in an answer.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string>
#include <string_view>

namespace fettle {

/// A call of a function; the arguments as Python's json module writes them.
struct FunctionCall {
  std::string name, arguments;
};

/// One way to write tools, a row by LLaMA-Factory's name of it.
struct ToolFormat {
  std::string_view name;
  /// The text for a list of tools that is not empty. Error for what cannot be described.
  std::string (*describe)(const nlohmann::ordered_json& tools);
  std::string (*write_calls)(std::span<const FunctionCall> calls);
};

extern const ToolFormat kDefaultTools, kLlama3Tools, kMistralTools, kQwenTools;

/// The text for `tools`, a JSON list of descriptions; "" for an empty list. Error says what is wrong with it.
std::string tools_text(const ToolFormat& format, std::string_view tools);

/// The words around a call and around a thought inside an answer that holds more than the call's JSON.
struct CallWords {
  std::string_view call_open = "<tool_call>", call_close = "</tool_call>";
  std::string_view thought_open = "<think>\n", thought_close = "\n</think>\n\n";
};

/// An answer that calls functions, written in `format`: a JSON object or list of {"name", "arguments"}. With
/// `words`, text around <tool_call>…</tool_call> and a thought beside the JSON stay in front of the calls.
/// Error says what is wrong with it.
std::string calls_text(const ToolFormat& format, std::string_view content, const CallWords* words);

}  // namespace fettle
