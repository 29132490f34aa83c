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

/// The words around something inside an answer.
struct WordPair {
  std::string_view open, close;
};

/// The words around a call and around a thought inside an answer that holds more than the call's JSON.
struct CallWords {
  WordPair call = {"<tool_call>", "</tool_call>"};
  WordPair thought = {"<think>\n", "\n</think>\n\n"};
};

/// One way to write tools, a row by LLaMA-Factory's name of it.
struct ToolFormat {
  std::string_view name;
  /// The text for a list of tools that is not empty, with the day's date where the format writes one. Error
  /// for what cannot be described.
  std::string (*describe)(const nlohmann::ordered_json& tools, std::string_view date) = nullptr;
  std::string (*write_calls)(std::span<const FunctionCall> calls) = nullptr;
  WordPair verbatim = {};  // without `describe`: the list as the data has it, between these words
  bool dated = false;
};

extern const ToolFormat kDefaultTools, kGemma4Tools, kGlm4Tools, kGlm4MoeTools, kLfm2Tools, kLingTools,
    kLlama3Tools, kMiniMax1Tools, kMiniMax2Tools, kMistralTools, kPhi4MiniTools, kQwenTools, kQwen35Tools,
    kSeedOssTools;

/// Those that `tool_format` can name.
std::span<const ToolFormat* const> tool_formats();
/// Error for an unknown name lists them.
const ToolFormat& find_tool_format(std::string_view name);

/// LLaMA-Factory writes the day's date, so that the same data would be other tokens tomorrow. This is the day
/// that Llama 3.1's own chat template falls back to.
inline constexpr std::string_view kToolDate = "26 Jul 2024";

/// What a job says about tools.
struct ToolRules {
  std::string format;                         // in the place of the template's own; "" = the template's
  std::string date = std::string(kToolDate);  // where the format writes one
};

/// The text for `tools`, a JSON list of descriptions; "" for an empty list. Error says what is wrong with it.
std::string tools_text(const ToolFormat& format, std::string_view tools, std::string_view date = kToolDate);

/// An answer that calls functions, written in `format`: a JSON object or list of {"name", "arguments"}. With
/// `words`, text around <tool_call>…</tool_call> and a thought beside the JSON stay in front of the calls.
/// Error says what is wrong with it.
std::string calls_text(const ToolFormat& format, std::string_view content, const CallWords* words);

}  // namespace fettle
