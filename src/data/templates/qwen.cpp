#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kUser[] = {"<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"};
constexpr std::string_view kAssistant[] = {"{{content}}<|im_end|>\n"};
constexpr std::string_view kSystem[] = {"<|im_start|>system\n{{content}}<|im_end|>\n"};
constexpr std::string_view kObservation[] = {
    "<|im_start|>user\n<tool_response>\n{{content}}\n</tool_response><|im_end|>\n"
    "<|im_start|>assistant\n"};
constexpr std::string_view kStopWords[] = {"<|im_end|>"};
constexpr std::string_view kMarkers[] = {"<|im_start|>", "<|im_end|>"};
}  // namespace

constinit const TemplateRow kQwen = {
    .name = "qwen",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .default_system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
    .stop_words = kStopWords,
    .markers = kMarkers,
    .tool_format = &kQwenTools,
    .replace_eos = true,
};

constinit const TemplateRow kQwen3 = {
    .name = "qwen3",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .stop_words = kStopWords,
    .markers = kMarkers,
    .tool_format = &kQwenTools,
    .replace_eos = true,
    .reasoning = true,
};

constinit const TemplateRow kQwen3NoThink = {
    .name = "qwen3_nothink",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .observation = kObservation,
    .stop_words = kStopWords,
    .markers = kMarkers,
    .tool_format = &kQwenTools,
    .replace_eos = true,
};

}  // namespace fettle::templates
