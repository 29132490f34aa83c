// The formats whose calls name every argument in tags: qwen3_5, glm4_moe, minimax2, seed_oss.
#include "data/tool_formats/common.h"

namespace fettle {

namespace {

using namespace tool_writers;

/// What stands around the name of a call, around each argument's key and value, and behind the last.
struct Tags {
  std::string_view open, named, key, value, value_end, close;
};

constexpr Tags kQwen35 = {"<tool_call>\n<function=",    ">", "\n<parameter=", ">\n", "\n</parameter>",
                          "\n</function>\n</tool_call>"};
// LLaMA-Factory never writes </tool_call> here, and the models trained with it have seen none.
constexpr Tags kGlm4Moe = {"\n<tool_call>", "", "\n<arg_key>", "</arg_key>\n<arg_value>", "</arg_value>", ""};
constexpr Tags kMiniMax2 = {"<invoke name=\"", "\">",        "\n<parameter name=\"", "\">",
                            "</parameter>",    "\n</invoke>"};
// Nor the > behind the name here, though the description of the tools shows it.
constexpr Tags kSeed = {"\n<seed:tool_call>\n<function=",  "", "\n<parameter=", ">", "</parameter>",
                        "\n</function>\n</seed:tool_call>"};

template <const Tags& tags>
std::string write_calls(std::span<const FunctionCall> calls) {
  return each_call(calls, "\n", [](const FunctionCall& call) {
    std::string text = fmt::format("{}{}{}", tags.open, call.name, tags.named);
    const ordered_json arguments = named_arguments(call);
    for (const auto& [key, value] : arguments.items())
      text += fmt::format("{}{}{}{}{}", tags.key, key, tags.value, plain_value(value), tags.value_end);
    return text.append(tags.close);
  });
}

std::string describe_for_qwen35(const ordered_json& tools, std::string_view) {
  return fmt::format(
      "\n\n# Tools\n\nYou have access to the following functions:\n\n<tools>{}\n</tools>\n\n"
      "If you choose to call a function ONLY reply in the following format with NO suffix:\n\n"
      "<tool_call>\n<function=example_function_name>\n<parameter=example_parameter_1>\nvalue_1\n</"
      "parameter>\n"
      "<parameter=example_parameter_2>\nThis is the value for the second parameter\nthat can span\n"
      "multiple lines\n</parameter>\n</function>\n</tool_call>\n\n<IMPORTANT>\nReminder:\n"
      "- Function calls MUST follow the specified format: an inner <function=...></function> block must be "
      "nested within <tool_call></tool_call> XML tags\n"
      "- Required parameters MUST be specified\n"
      "- You may provide optional reasoning for your function call in natural language BEFORE the function "
      "call, but NOT after\n"
      "- If there is no function call available, answer the question like normal with your current knowledge "
      "and do not tell the user about function calls\n</IMPORTANT>",
      each_tool(tools, [](const ordered_json& tool, const std::string& place) {
        return "\n" + python_json(bare(tool, place));
      }));
}

std::string describe_for_glm4_moe(const ordered_json& tools, std::string_view) {
  return fmt::format(
      "\n\n# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
      "You are provided with function signatures within <tools></tools> XML tags:\n<tools>{}\n</tools>\n\n"
      "For each function call, output the function name and arguments within the following XML format:\n"
      "<tool_call>{{function-name}}\n<arg_key>{{arg-key-1}}</arg_key>\n<arg_value>{{arg-value-1}}</"
      "arg_value>\n"
      "<arg_key>{{arg-key-2}}</arg_key>\n<arg_value>{{arg-value-2}}</arg_value>\n...\n</tool_call>\n",
      each_tool(tools, [](const ordered_json& tool, const std::string&) {
        return "\n" + python_json(wrapped(tool));
      }));
}

std::string describe_for_minimax2(const ordered_json& tools, std::string_view) {
  return fmt::format(
      "\n\n# Tools\n\nYou may call one or more tools to assist with the user query.\n"
      "Here are the tools available in JSONSchema format:\n\n<tools>\n{}</tools>\n\n"
      "When making tool calls, use XML format to invoke tools and pass parameters:\n\n"
      "<minimax:tool_call>\n<invoke name=\"tool-name-1\">\n"
      "<parameter name=\"param-key-1\">param-value-1</parameter>\n"
      "<parameter name=\"param-key-2\">param-value-2</parameter>\n...\n</invoke>\n</minimax:tool_call>",
      each_tool(tools, [](const ordered_json& tool, const std::string& place) {
        return fmt::format("<tool>{}</tool>\n", python_json(bare(tool, place)));
      }));
}

std::string describe_for_seed(const ordered_json& tools, std::string_view) {
  return fmt::format(
      "system\nYou are Doubao, a helpful AI assistant. You may call one or more functions to assist with the "
      "user query.Tool List:\nYou are authorized to use the following tools (described in JSON Schema "
      "format). Before performing any task, you must decide how to call them based on the descriptions and "
      "parameters of these tools.\n{}\n"
      "工具调用请遵循如下格式:\n<seed:tool_call>\n<function=example_function_name>\n"
      "<parameter=example_parameter_1>value_1</parameter>\n"
      "<parameter=example_parameter_2>This is the value for the second parameter\nthat can span\n"
      "multiple lines</parameter>\n</function>\n</seed:tool_call>\n",
      python_json(tools));
}

}  // namespace

constinit const ToolFormat kQwen35Tools = {"qwen3_5", describe_for_qwen35, write_calls<kQwen35>};
constinit const ToolFormat kGlm4MoeTools = {"glm4_moe", describe_for_glm4_moe, write_calls<kGlm4Moe>};
constinit const ToolFormat kMiniMax2Tools = {"minimax2", describe_for_minimax2, write_calls<kMiniMax2>};
constinit const ToolFormat kSeedOssTools = {"seed_oss", describe_for_seed, write_calls<kSeed>};

}  // namespace fettle
