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

constexpr TemplateRow qwen_row(std::string_view name, std::string_view default_system, bool reasoning) {
  return {
      .name = name,
      .user = kUser,
      .assistant = kAssistant,
      .system = kSystem,
      .observation = kObservation,
      .default_system = default_system,
      .stop_words = kStopWords,
      .markers = kMarkers,
      .tool_format = &kQwenTools,
      .replace_eos = true,
      .reasoning = reasoning,
  };
}
}  // namespace

constinit const TemplateRow kQwen =
    qwen_row("qwen", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", false);
constinit const TemplateRow kQwen3 = qwen_row("qwen3", "", true);
constinit const TemplateRow kQwen3NoThink = qwen_row("qwen3_nothink", "", false);

}  // namespace fettle::templates
