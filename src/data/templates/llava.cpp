#include "data/template_slots.h"
#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "llava",
     .user = "USER: {{content}} ASSISTANT:",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions.",
     .media = "llava"},
    {.name = "llava_next",
     .user = "USER: {{content}} ASSISTANT:",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions.",
     .media = "llava_next"},
    {.name = "llava_next_llama3",
     .user = kLlama3User,
     .assistant = kLlama3Answer,
     .system = kLlama3System,
     .observation = kLlama3Tool,
     .prefix = "{BOS}",
     .stop_words = {"<|eot_id|>", "<|eom_id|>"},
     .tool_format = &kLlama3Tools,
     .media = "llava_next",
     .replace_eos = true},
    {.name = "llava_next_mistral",
     .user = "[INST] {{content}}[/INST]",
     .assistant = " {{content}}{EOS}",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS] {\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS] {{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .media = "llava_next",
     .system_in_user = true},
    {.name = "llava_next_qwen",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .observation = kQwenToolResponse,
     .default_system = "You are a helpful assistant.",
     .stop_words = {"<|im_end|>"},
     .tool_format = &kQwenTools,
     .media = "llava_next",
     .replace_eos = true},
    {.name = "llava_next_yi",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .stop_words = {"<|im_end|>"},
     .media = "llava_next"},
    {.name = "llava_next_video",
     .user = "USER: {{content}} ASSISTANT:",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions.",
     .media = "llava_next_video"},
    {.name = "llava_next_video_mistral",
     .user = "[INST] {{content}}[/INST]",
     .assistant = " {{content}}{EOS}",
     .system = "{{content}}\n\n",
     .observation = "[TOOL_RESULTS] {\"content\": {{content}}}[/TOOL_RESULTS]",
     .function = "[TOOL_CALLS] {{content}}{EOS}",
     .prefix = "{BOS}",
     .tool_format = &kMistralTools,
     .media = "llava_next_video",
     .system_in_user = true},
    {.name = "llava_next_video_yi",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .stop_words = {"<|im_end|>"},
     .media = "llava_next_video"},
};
}  // namespace

constinit const Rows kLlava = kRows;

}  // namespace fettle::templates
