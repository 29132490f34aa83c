#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "breeze", .user = "[INST] {{content}} [/INST] ", .prefix = "{BOS}", .efficient_eos = true},
    {.name = "mistral",
     .user = "[INST] {{content}}[/INST]",
     .assistant = " {{content}}{EOS}",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS] {\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS] {{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .system_in_user = true},
    {.name = "ministral",
     .user = "[INST]{{content}}[/INST]",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS]{\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS]{{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .system_in_user = true},
    {.name = "mistral_small",
     .user = "[INST]{{content}}[/INST]",
     .system = "[SYSTEM_PROMPT]{{content}}[/SYSTEM_PROMPT]",
     .observation = "[TOOL_RESULTS]{\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS]{{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .media = "pixtral"},
    {.name = "ministral3",
     .user = "[INST]{{content}}[/INST]",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS]{\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS]{{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .media = "pixtral",
     .system_in_user = true},
    {.name = "pixtral",
     .user = "[INST]{{content}}[/INST]",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS]{\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS]{{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .media = "pixtral",
     .system_in_user = true},
};
}  // namespace

constinit const Rows kMistral = kRows;

}  // namespace fettle::templates
