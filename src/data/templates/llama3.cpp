#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kPrefix[] = {"{BOS}"};
constexpr std::string_view kUser[] = {
    "<|start_header_id|>user<|end_header_id|>\n\n{{content}}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"};
constexpr std::string_view kAssistant[] = {"{{content}}<|eot_id|>"};
constexpr std::string_view kSystem[] = {
    "<|start_header_id|>system<|end_header_id|>\n\n{{content}}<|eot_id|>"};
constexpr std::string_view kObservation[] = {
    "<|start_header_id|>ipython<|end_header_id|>\n\n{{content}}<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n"};
constexpr std::string_view kStopWords[] = {"<|eot_id|>", "<|eom_id|>"};
constexpr std::string_view kMarkers[] = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
}  // namespace

constinit const TemplateRow kLlama3 = {
    .name = "llama3",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .prefix = kPrefix,
    .stop_words = kStopWords,
    .markers = kMarkers,
    .tool_format = &kLlama3Tools,
    .pretrain_eos = "<|end_of_text|>",  // eot_id ends a turn, not a document
    .replace_eos = true,
};

}  // namespace fettle::templates
