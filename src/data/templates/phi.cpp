#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "phi",
     .user = "<|user|>\n{{content}}<|end|>\n<|assistant|>\n",
     .assistant = "{{content}}<|end|>\n",
     .system = "<|system|>\n{{content}}<|end|>\n",
     .stop_words = {"<|end|>"},
     .replace_eos = true},
    // LLaMA-Factory names <|endoftext|> as its prefix in a way that writes nothing.
    {.name = "phi_small",
     .user = "<|user|>\n{{content}}<|end|>\n<|assistant|>\n",
     .assistant = "{{content}}<|end|>\n",
     .system = "<|system|>\n{{content}}<|end|>\n",
     .stop_words = {"<|end|>"},
     .replace_eos = true},
    {.name = "phi4",
     .user = "<|im_start|>user<|im_sep|>{{content}}<|im_end|><|im_start|>assistant<|im_sep|>",
     .assistant = "{{content}}<|im_end|>",
     .system = "<|im_start|>system<|im_sep|>{{content}}<|im_end|>",
     .stop_words = {"<|im_end|>"},
     .replace_eos = true},
    {.name = "phi4_mini",
     .user = "<|user|>{{content}}<|end|><|assistant|>",
     .assistant = "{{content}}<|end|>",
     .system = "<|system|>{{content}}<|end|>",
     .stop_words = {"<|end|>"},
     .tool_format = &kPhi4MiniTools,
     .replace_eos = true},
};
}  // namespace

constinit const Rows kPhi = kRows;

}  // namespace fettle::templates
