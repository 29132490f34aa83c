#include "data/template_slots.h"
#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "aquila",
     .user = "Human: {{content}}###Assistant:",
     .assistant = "{{content}}###",
     .system = "System: {{content}}###",
     .default_system = "A chat between a curious human and an artificial intelligence assistant. The "
                       "assistant gives helpful, detailed, and polite answers to the human's questions.",
     .stop_words = {"</s>"}},
    {.name = "atom",
     .user = "{BOS}Human: {{content}}\n{EOS}{BOS}Assistant:",
     .assistant = "{{content}}\n{EOS}"},
    {.name = "baichuan", .user = "{id:<reserved_102>}{{content}}{id:<reserved_103>}", .efficient_eos = true},
    {.name = "baichuan2", .user = "<reserved_106>{{content}}<reserved_107>", .efficient_eos = true},
    {.name = "belle",
     .user = "Human: {{content}}\n\nBelle: ",
     .assistant = "{{content}}{EOS}\n\n",
     .prefix = "{BOS}"},
    {.name = "bluelm", .user = "{id:[|Human|]:}{{content}}{id:[|AI|]:}"},
    {.name = "chatglm2",
     .user = "[Round {{idx}}]\n\n问：{{content}}\n\n答：",
     .prefix = "{id:[gMASK]}{id:sop}",
     .efficient_eos = true},
    {.name = "codegeex2", .prefix = "{id:[gMASK]}{id:sop}"},
    {.name = "codegeex4",
     .user = "<|user|>\n{{content}}<|assistant|>\n",
     .system = kGlm4System,
     .observation = "<|observation|>\n{{content}}<|assistant|>\n",
     .prefix = "[gMASK]<sop>",
     .default_system = "你是一位智能编程助手，你叫CodeGeeX。你会为用户回答关于编程、代码、计算机方面的任何问"
                       "题，并提供格式规范、可以执行、准确安全的代码，并在必要时提供详细的解释。",
     .stop_words = {"<|user|>", "<|observation|>"},
     .tool_format = &kGlm4Tools,
     .efficient_eos = true},
    {.name = "cpm", .user = "<用户>{{content}}<AI>", .prefix = "{BOS}"},
    {.name = "cpm3",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .observation = kChatMlTool,
     .prefix = "{BOS}",
     .stop_words = {"<|im_end|>"}},
    {.name = "intern",
     .user = "<|User|>:{{content}}\n<|Bot|>:",
     .assistant = "{{content}}<eoa>\n",
     .system = "<|System|>:{{content}}\n",
     .prefix = "{BOS}",
     .default_system =
         "You are an AI assistant whose name is InternLM (书生·浦语).\n- InternLM (书生·浦语) is a "
         "conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). It "
         "is designed to be helpful, honest, and harmless.\n- InternLM (书生·浦语) can understand and "
         "communicate fluently in the language chosen by the user such as English and 中文.",
     .stop_words = {"<eoa>"},
     .loose_markers = true},
    {.name = "marco",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .observation = kChatMlTool,
     .default_system =
         "你是一个经过良好训练的AI助手，你的名字是Marco-o1.由阿里国际数字商业集团的AI Business创造.\n## "
         "重要！！！！！\n当你回答问题时，你的思考应该在<Thought>内完成，<Output>内输出你的结果。\n<Thought>"
         "应该尽可能是英文，但是有2个特例，一个是对原文中的引用，另一个是是数学应该使用markdown格式，<Output>"
         "内的输出需要遵循用户输入的语言。\n",
     .stop_words = {"<|im_end|>"}},
    {.name = "orion", .user = "Human: {{content}}\n\nAssistant: {EOS}", .prefix = "{BOS}"},
    {.name = "skywork_o1",
     .user = kLlama3User,
     .assistant = kLlama3Answer,
     .system = kLlama3System,
     .observation = kLlama3Tool,
     .prefix = "{BOS}",
     .default_system =
         "You are Skywork-o1, a thinking model developed by Skywork AI, specializing in solving complex "
         "problems involving mathematics, coding, and logical reasoning through deep thought. When faced "
         "with a user's request, you first engage in a lengthy and in-depth thinking process to explore "
         "possible solutions to the problem. After completing your thoughts, you then provide a detailed "
         "explanation of the solution process in your response.",
     .stop_words = {"<|eot_id|>", "<|eom_id|>"},
     .tool_format = &kLlama3Tools},
    {.name = "telechat", .user = "<_user>{{content}}<_bot>", .system = "<_system>{{content}}<_end>"},
    {.name = "xverse", .user = "Human: {{content}}\n\nAssistant: "},
    {.name = "yayi",
     .user = "{id:<|Human|>}:\n{{content}}\n\n{id:<|YaYi|>}:",
     .assistant = "{{content}}\n\n",
     .system = "{id:<|System|>}:\n{{content}}\n\n",
     .default_system =
         "You are a helpful, respectful and honest assistant named YaYi developed by Beijing Wenge "
         "Technology Co.,Ltd. Always answer as helpfully as possible, while being safe.  Your answers should "
         "not include any harmful, unethical, racist, sexist, toxic, dangerous, or illegal content. Please "
         "ensure that your responses are socially unbiased and positive in nature.\n\nIf a question does not "
         "make any sense, or is not factually coherent, explain why instead of answering something not "
         "correct. If you don't know the answer to a question, please don't share false information.",
     .stop_words = {"<|End|>"}},
    {.name = "ziya", .user = "<human>:{{content}}\n<bot>:", .assistant = "{{content}}\n"},
};
}  // namespace

constinit const Rows kRemoved = kRows;

}  // namespace fettle::templates
