#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "deepseek",
     .user = "User: {{content}}\n\nAssistant:",
     .system = "{{content}}\n\n",
     .prefix = "{BOS}"},
    {.name = "deepseek3", .user = "<｜User｜>{{content}}<｜Assistant｜>", .prefix = "{BOS}"},
    {.name = "deepseekr1",
     .user = "<｜User｜>{{content}}<｜Assistant｜>",
     .prefix = "{BOS}",
     .reasoning = true},
    {.name = "deepseekcoder",
     .user = "### Instruction:\n{{content}}\n### Response:",
     .assistant = "\n{{content}}\n<|EOT|>\n",
     .prefix = "{BOS}",
     .default_system = "You are an AI programming assistant, utilizing the DeepSeek Coder model, developed "
                       "by DeepSeek Company, and you only answer questions related to computer science. For "
                       "politically sensitive questions, security and privacy issues, and other non-computer "
                       "science questions, you will refuse to answer.\n"},
};
}  // namespace

constinit const Rows kDeepseek = kRows;

}  // namespace fettle::templates
