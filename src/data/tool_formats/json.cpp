// The formats whose calls are JSON: qwen, ling, mistral, llama3, minimax1, glm4; and lfm2's, which look like
// Python's.
#include "data/tool_formats/common.h"

namespace fettle {

namespace {

using namespace tool_writers;

std::string signatures(const ordered_json& tools) {
  return each_tool(
      tools, [](const ordered_json& tool, const std::string&) { return "\n" + python_json(wrapped(tool)); });
}

std::string describe_in_tags(const ordered_json& tools) {
  return fmt::format(
      "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>{}\n</tools>\n\n"
      "For each function call, return a json object with function name and arguments within "
      "<tool_call></tool_call> XML tags:\n<tool_call>\n"
      "{{\"name\": <function-name>, \"arguments\": <args-json-object>}}\n</tool_call>",
      signatures(tools));
}

std::string describe_for_qwen(const ordered_json& tools, std::string_view) {
  return "\n\n" + describe_in_tags(tools);
}

std::string describe_for_ling(const ordered_json& tools, std::string_view) {
  return describe_in_tags(tools) + "\ndetailed thinking off";
}

std::string calls_in_tags(std::span<const FunctionCall> calls) {
  return each_call(calls, "\n", [](const FunctionCall& call) {
    return fmt::format("<tool_call>\n{}\n</tool_call>", json_call(call, "arguments"));
  });
}

std::string describe_for_mistral(const ordered_json& tools, std::string_view) {
  ordered_json list = ordered_json::array();
  for (const ordered_json& tool : tools) list.push_back(wrapped(tool));
  return fmt::format("[AVAILABLE_TOOLS] {}[/AVAILABLE_TOOLS]", python_json(list));
}

std::string calls_for_mistral(std::span<const FunctionCall> calls) {
  return fmt::format("[{}]",
                     each_call(calls, ", ", [](const FunctionCall& c) { return json_call(c, "arguments"); }));
}

std::string describe_for_llama3(const ordered_json& tools, std::string_view date) {
  return fmt::format(
      "Cutting Knowledge Date: December 2023\nToday Date: {}\n\n"
      "You have access to the following functions. To call a function, please respond with JSON for a "
      "function call. Respond in the format {{\"name\": function name, \"parameters\": dictionary of "
      "argument "
      "name and its value}}. Do not use variables.\n\n{}",
      date, each_tool(tools, [](const ordered_json& tool, const std::string&) {
        return python_json(wrapped(tool), 4) + "\n\n";
      }));
}

std::string calls_for_llama3(std::span<const FunctionCall> calls) {
  const std::string list =
      each_call(calls, ", ", [](const FunctionCall& c) { return json_call(c, "parameters"); });
  return calls.size() == 1 ? list : "[" + list + "]";
}

std::string describe_for_minimax1(const ordered_json& tools, std::string_view) {
  return fmt::format(
      "You are provided with these tools:\n<tools>\n{}</tools>\n\nIf you need to call tools, please respond "
      "with <tool_calls></tool_calls> XML tags, and provide tool-name and json-object of arguments, "
      "following the format below:\n<tool_calls>\n"
      "{{\"name\": <tool-name-1>, \"arguments\": <args-json-object-1>}}\n...\n</tool_calls>",
      each_tool(tools, [](const ordered_json& tool, const std::string& place) {
        return python_json(bare(tool, place)) + "\n";
      }));
}

std::string calls_for_minimax1(std::span<const FunctionCall> calls) {
  return fmt::format("<tool_calls>\n{}\n</tool_calls>",
                     each_call(calls, "\n", [](const FunctionCall& c) { return json_call(c, "arguments"); }));
}

std::string describe_for_glm4(const ordered_json& tools, std::string_view) {
  return "你是一个名为 ChatGLM 的人工智能助手。你是基于智谱 AI 公司训练的语言模型 GLM-4 模型开发的，"
         "你的任务是针对用户的问题和要求提供适当的答复和支持。\n\n# 可用工具" +
         each_tool(tools, [](const ordered_json& entry, const std::string& place) {
           const ordered_json& tool = bare(entry, place);
           return fmt::format("\n\n## {}\n\n{}\n在调用上述函数时，请使用 Json 格式表示调用的参数。",
                              text_member(tool, "name", place), python_json(tool, 4));
         });
}

std::string calls_for_glm4(std::span<const FunctionCall> calls) {
  if (calls.size() > 1) fail("an answer calls two functions at once, which GLM-4's format cannot write");
  return fmt::format("{}\n{}", calls[0].name, calls[0].arguments);
}

std::string describe_for_lfm2(const ordered_json& tools, std::string_view) {
  ordered_json list = ordered_json::array();
  for (const ordered_json& tool : tools) list.push_back(bare(tool, fmt::format("tool {}", list.size() + 1)));
  return fmt::format("List of tools: <|tool_list_start|>{}<|tool_list_end|>", python_json(list));
}

std::string calls_for_lfm2(std::span<const FunctionCall> calls) {
  return fmt::format(
      "<|tool_call_start|>[{}]<|tool_call_end|>", each_call(calls, ", ", [](const FunctionCall& call) {
        std::vector<std::string> arguments;
        const ordered_json named = named_arguments(call);
        for (const auto& [key, value] : named.items())
          arguments.push_back(
              key + "=" + (value.is_string() ? "\"" + value.get<std::string>() + "\"" : python_json(value)));
        return fmt::format("{}({})", call.name, fmt::join(arguments, ", "));
      }));
}

}  // namespace

constinit const ToolFormat kQwenTools = {"qwen", describe_for_qwen, calls_in_tags};
constinit const ToolFormat kLingTools = {"ling", describe_for_ling, calls_in_tags};
constinit const ToolFormat kMistralTools = {"mistral", describe_for_mistral, calls_for_mistral};
constinit const ToolFormat kLlama3Tools = {
    .name = "llama3", .describe = describe_for_llama3, .write_calls = calls_for_llama3, .dated = true};
constinit const ToolFormat kMiniMax1Tools = {"minimax1", describe_for_minimax1, calls_for_minimax1};
constinit const ToolFormat kGlm4Tools = {"glm4", describe_for_glm4, calls_for_glm4};
constinit const ToolFormat kLfm2Tools = {"lfm2", describe_for_lfm2, calls_for_lfm2};

}  // namespace fettle
