#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kUser[] = {"{BOS}", "[INST] {{content}} [/INST]"};
constexpr std::string_view kAssistant[] = {"{{content}}", "{EOS}"};
constexpr std::string_view kSystem[] = {"<<SYS>>\n{{content}}\n<</SYS>>\n\n"};
}  // namespace

constinit const TemplateRow kLlama2 = {
    .name = "llama2",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .system_in_user = true,
};

}  // namespace fettle::templates
