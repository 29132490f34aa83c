#include "data/template_slots.h"
#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "llama2",
     .user = "{BOS}[INST] {{content}} [/INST]",
     .system = "<<SYS>>\n{{content}}\n<</SYS>>\n\n",
     .system_in_user = true},
    {.name = "llama2_zh",
     .user = "{BOS}[INST] {{content}} [/INST]",
     .system = "<<SYS>>\n{{content}}\n<</SYS>>\n\n",
     .default_system = "You are a helpful assistant. 你是一个乐于助人的助手。",
     .system_in_user = true},
    {.name = "llama3",
     .user = kLlama3User,
     .assistant = kLlama3Answer,
     .system = kLlama3System,
     .observation = kLlama3Tool,
     .prefix = "{BOS}",
     .stop_words = {"<|eot_id|>", "<|eom_id|>"},
     .tool_format = &kLlama3Tools,
     .pretrain_eos = "<|end_of_text|>",
     .replace_eos = true},
    {.name = "llama4",
     .user = "<|header_start|>user<|header_end|>\n\n{{content}}<|eot|>"
             "<|header_start|>assistant<|header_end|>\n\n",
     .assistant = "{{content}}<|eot|>",
     .system = "<|header_start|>system<|header_end|>\n\n{{content}}<|eot|>",
     .observation = "<|header_start|>ipython<|header_end|>\n\n{{content}}<|eot|>"
                    "<|header_start|>assistant<|header_end|>\n\n",
     .prefix = "{BOS}",
     .stop_words = {"<|eot|>", "<|eom|>"},
     .tool_format = &kLlama3Tools,
     .media = "llama4",
     .replace_eos = true},
    {.name = "mllama",
     .user = kLlama3User,
     .assistant = kLlama3Answer,
     .system = kLlama3System,
     .observation = kLlama3Tool,
     .prefix = "{BOS}",
     .stop_words = {"<|eot_id|>", "<|eom_id|>"},
     .tool_format = &kLlama3Tools,
     .media = "mllama",
     .replace_eos = true},
    {.name = "openchat",
     .user = "GPT4 Correct User: {{content}}{EOS}GPT4 Correct Assistant:",
     .prefix = "{BOS}"},
    {.name = "openchat-3.6",
     .user = "<|start_header_id|>GPT4 Correct User<|end_header_id|>\n\n{{content}}<|eot_id|>"
             "<|start_header_id|>GPT4 Correct Assistant<|end_header_id|>\n\n",
     .prefix = "{BOS}",
     .stop_words = {"<|eot_id|>"}},
};
}  // namespace

constinit const Rows kLlama = kRows;

}  // namespace fettle::templates
