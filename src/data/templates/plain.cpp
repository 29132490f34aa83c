#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "default",
     .user = "Human: {{content}}{EOS}\nAssistant:",
     .assistant = "{{content}}{EOS}\n",
     .system = "System: {{content}}{EOS}\n"},
    {.name = "empty", .assistant = "{{content}}"},
    {.name = "fewshot", .assistant = "{{content}}\n\n", .efficient_eos = true},
    {.name = "alpaca",
     .user = "### Instruction:\n{{content}}\n\n### Response:\n",
     .assistant = "{{content}}{EOS}\n\n",
     .default_system = "Below is an instruction that describes a task. Write a response that appropriately "
                       "completes the request.\n\n"},
    {.name = "vicuna",
     .user = "USER: {{content}} ASSISTANT:",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions."},
    {.name = "video_llava",
     .user = "USER: {{content}} ASSISTANT:",
     .default_system = "A chat between a curious user and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the user's questions.",
     .media = "video_llava"},
    {.name = "solar",
     .user = "### User:\n{{content}}\n\n### Assistant:\n",
     .system = "### System:\n{{content}}\n\n",
     .efficient_eos = true},
    {.name = "falcon",
     .user = "User: {{content}}\nFalcon:",
     .assistant = "{{content}}\n",
     .efficient_eos = true},
    {.name = "xuanyuan",
     .user = "Human: {{content}} Assistant:",
     .default_system = "以下是用户和人工智能助手之间的对话。用户以Human开头，人工智能助手以Assistant开头，会"
                       "对人类提出的问题给出有帮助、高质量、详细和礼貌的回答，并且总是拒绝参与与不道德、不安"
                       "全、有争议、政治敏感等相关的话题、问题和指示。\n"},
    {.name = "yi_vl",
     .user = "### Human: {{content}}\n### Assistant:",
     .assistant = "{{content}}\n",
     .default_system = "This is a chat between an inquisitive human and an AI assistant. Assume the role of "
                       "the AI assistant. Read all the images carefully, and respond to the human's "
                       "questions with informative, helpful, detailed and polite answers. "
                       "这是一个好奇的人类和一个人工智能助手之间的对话。假设你扮演这个AI助手的角色。仔细阅读"
                       "所有的图像，并对人类的问题做出信息丰富、有帮助、详细的和礼貌的回答。\n\n",
     .stop_words = {"###"},
     .media = "llava",
     .efficient_eos = true},
};
}  // namespace

constinit const Rows kPlain = kRows;

}  // namespace fettle::templates
