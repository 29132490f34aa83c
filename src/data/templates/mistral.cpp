#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kPrefix[] = {"{BOS}"};
constexpr std::string_view kUser[] = {"[INST] {{content}}[/INST]"};
constexpr std::string_view kAssistant[] = {" {{content}}", "{EOS}"};
constexpr std::string_view kFunction[] = {"[TOOL_CALLS] {{content}}", "{EOS}"};
constexpr std::string_view kSystem[] = {"{{content}}\n\n"};
constexpr std::string_view kObservation[] = {"[TOOL_RESULTS] {\"content\": {{content}}}[/TOOL_RESULTS]"};
}  // namespace

constinit const TemplateRow kMistral = {
    .name = "mistral",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .function = kFunction,
    .prefix = kPrefix,
    .tool_format = &kMistralTools,
    .system_in_user = true,
};

}  // namespace fettle::templates
