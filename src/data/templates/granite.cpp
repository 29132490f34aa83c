#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "granite3",
     .user = "<|start_of_role|>user<|end_of_role|>{{content}}<|end_of_text|>\n"
             "<|start_of_role|>assistant<|end_of_role|>",
     .assistant = "{{content}}<|end_of_text|>\n",
     .system = "<|start_of_role|>system<|end_of_role|>{{content}}<|end_of_text|>\n"},
    {.name = "granite3_vision",
     .user = "<|user|>\n{{content}}\n<|assistant|>\n",
     .system = "<|system|>\n{{content}}\n",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions.",
     .media = "llava_next",
     .loose_markers = true},
    {.name = "granite4",
     .user = "<|start_of_role|>user<|end_of_role|>{{content}}<|end_of_text|>\n"
             "<|start_of_role|>assistant<|end_of_role|>",
     .assistant = "{{content}}<|end_of_text|>\n",
     .system = "<|start_of_role|>system<|end_of_role|>{{content}}<|end_of_text|>\n",
     .observation =
         "<|start_of_role|>tool<|end_of_role|>{{content}}<|end_of_text|>\n<|start_of_role|>assistant\n",
     .default_system = "You are Granite, developed by IBM. You are a helpful AI assistant.",
     .stop_words = {"<|end_of_text|>"}},
};
}  // namespace

constinit const Rows kGranite = kRows;

}  // namespace fettle::templates
