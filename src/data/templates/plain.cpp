#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kContent[] = {"{{content}}"};

constexpr std::string_view kDefaultUser[] = {"Human: {{content}}", "{EOS}", "\nAssistant:"};
constexpr std::string_view kDefaultAssistant[] = {"{{content}}", "{EOS}", "\n"};
constexpr std::string_view kDefaultSystem[] = {"System: {{content}}", "{EOS}", "\n"};
}  // namespace

constinit const TemplateRow kDefault = {
    .name = "default",
    .user = kDefaultUser,
    .assistant = kDefaultAssistant,
    .system = kDefaultSystem,
};

// Nothing is added, not even an end: what is learnt is exactly the text of the data.
constinit const TemplateRow kEmpty = {
    .name = "empty",
    .user = kContent,
    .assistant = kContent,
    .system = kContent,
};

}  // namespace fettle::templates
