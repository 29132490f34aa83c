#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kPrefix[] = {"{BOS}"};
constexpr std::string_view kUser[] = {
    "<start_of_turn>user\n{{content}}<end_of_turn>\n<start_of_turn>model\n"};
constexpr std::string_view kAssistant[] = {"{{content}}<end_of_turn>\n"};
constexpr std::string_view kSystem[] = {"{{content}}\n\n"};
constexpr std::string_view kObservation[] = {
    "<start_of_turn>tool\n{{content}}<end_of_turn>\n<start_of_turn>model\n"};
constexpr std::string_view kStopWords[] = {"<end_of_turn>"};
constexpr std::string_view kMarkers[] = {"<start_of_turn>", "<end_of_turn>"};
}  // namespace

constinit const TemplateRow kGemma3 = {
    .name = "gemma3",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .prefix = kPrefix,
    .stop_words = kStopWords,
    .markers = kMarkers,
    .replace_eos = true,
    .system_in_user = true,
};

}  // namespace fettle::templates
