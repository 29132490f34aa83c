#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kUser[] = {"### Instruction:\n{{content}}\n\n### Response:\n"};
constexpr std::string_view kAssistant[] = {"{{content}}", "{EOS}", "\n\n"};
constexpr std::string_view kSystem[] = {"{{content}}"};
}  // namespace

constinit const TemplateRow kAlpaca = {
    .name = "alpaca",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .default_system =
        "Below is an instruction that describes a task. "
        "Write a response that appropriately completes the request.\n\n",
};

}  // namespace fettle::templates
