#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr std::string_view kUser[] = {"<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"};
constexpr std::string_view kAssistant[] = {"{{content}}<|im_end|>\n"};
constexpr std::string_view kSystem[] = {"<|im_start|>system\n{{content}}<|im_end|>\n"};
constexpr std::string_view kStopWords[] = {"<|im_end|>"};
constexpr std::string_view kMarkers[] = {"<|im_start|>", "<|im_end|>"};
}  // namespace

constinit const TemplateRow kSmolLm = {
    .name = "smollm",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .stop_words = kStopWords,
    .markers = kMarkers,
};

constinit const TemplateRow kSmolLm2 = {
    .name = "smollm2",
    .user = kUser,
    .assistant = kAssistant,
    .system = kSystem,
    .default_system = "You are a helpful AI assistant named SmolLM, trained by Hugging Face.",
    .stop_words = kStopWords,
    .markers = kMarkers,
};

}  // namespace fettle::templates
