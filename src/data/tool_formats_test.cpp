#include "data/tool_formats.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace fettle {
namespace {

constexpr CallWords kWords;

template <class Make>
std::string error_of(const Make& make) {
  try {
    make();
  } catch (const Error& error) {
    return error.message();
  }
  return "no error";
}

// The texts of whole conversations are held to LLaMA-Factory's in conversation_golden_test; here is what it
// leaves to chance: what is refused, and how it is said.
TEST(ToolFormats, BrokenToolsAreNamed) {
  const auto tools = [](std::string_view text, const ToolFormat& format = kDefaultTools) {
    return error_of([&] { tools_text(format, text); });
  };
  EXPECT_EQ(tools("[{"), "the tool description is not JSON (wrong at byte 3): [{");
  EXPECT_EQ(tools("{}"), "the tool description is object; a list of tools was expected");
  EXPECT_EQ(tools("[1]", kQwenTools), "the tool description holds number; objects were expected");
  EXPECT_EQ(tools("[{}]"), "tool 1 has no \"name\"");
  EXPECT_EQ(tools(R"([{"type": "function"}])"), "tool 1 has no \"function\"");
  EXPECT_EQ(tools(R"([{"name": "t"}])"), "tool \"t\" has no \"parameters\"");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {}}])"), "tool \"t\", parameters has no \"properties\"");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {"properties": {"p": 1}}}])"),
            "tool \"t\", parameter \"p\" is number; an object was expected");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {"properties": {"p": {"type": ["string", "null"]}}}}])"),
            "tool \"t\", parameter \"p\": \"type\" is array; text was expected");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {"properties": {"p": {"enum": [1]}}}}])"),
            "tool \"t\", parameter \"p\": \"enum\" holds number; texts were expected");
  EXPECT_EQ(tools(R"([{"type": "function"}])", kGlm4Tools), "tool 1 has no \"function\"");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {"properties": {"p": 1}}}])", kGemma4Tools),
            "tool \"t\", parameter \"p\" is number; an object was expected");
  EXPECT_EQ(tools(R"([{"name": "t", "parameters": {"required": [1]}}])", kGemma4Tools),
            "tool \"t\": \"required\" holds number; texts were expected");
}

TEST(ToolFormats, BrokenCallsAreNamed) {
  const auto calls = [](std::string_view text, const CallWords* words = &kWords) {
    return error_of([&] { calls_text(kQwenTools, text, words); });
  };
  EXPECT_EQ(calls("call me"), "a function call is not JSON (wrong at byte 1): call me");
  EXPECT_EQ(calls("7"), "a function call is number\n  hint: expected {\"name\": …, \"arguments\": …}");
  EXPECT_EQ(calls("[]"), "a function call is an empty list");
  EXPECT_EQ(calls(R"({"name": "f"})"),
            "a function call has no \"arguments\"\n  hint: expected {\"name\": …, \"arguments\": …}");
  EXPECT_EQ(calls(R"({"name": 1, "arguments": {}})"),
            "a function call: \"name\" is number; text was expected");
  EXPECT_EQ(calls("<tool_call>x</tool_call>", nullptr),
            "a function call is not JSON (wrong at byte 1): <tool_call>x</tool_call>");
}

TEST(ToolFormats, EveryFormatWritesItsOwnCalls) {
  constexpr std::string_view kTwo =
      R"([{"name": "f", "arguments": {"x":1}}, {"name": "g\"", "arguments": "t"}])";
  constexpr std::string_view kOne = R"({"name": "f", "arguments": {}})";
  EXPECT_EQ(calls_text(kDefaultTools, kTwo, &kWords),
            "Action: f\nAction Input: {\"x\": 1}\nAction: g\"\nAction Input: \"t\"");
  EXPECT_EQ(calls_text(kLlama3Tools, kTwo, &kWords),
            R"([{"name": "f", "parameters": {"x": 1}}, {"name": "g\"", "parameters": "t"}])");
  EXPECT_EQ(calls_text(kLlama3Tools, kOne, &kWords), R"({"name": "f", "parameters": {}})");
  EXPECT_EQ(calls_text(kMistralTools, kOne, &kWords), R"([{"name": "f", "arguments": {}}])");
  EXPECT_EQ(calls_text(kQwenTools, kOne, &kWords),
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>");
}

}  // namespace
}  // namespace fettle
