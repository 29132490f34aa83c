#include "data/template_slots.h"
#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "intern2",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .prefix = "{BOS}",
     .default_system =
         "You are an AI assistant whose name is InternLM (书生·浦语).\n- InternLM (书生·浦语) is a "
         "conversational language model that is developed by Shanghai AI Laboratory (上海人工智能实验室). It "
         "is designed to be helpful, honest, and harmless.\n- InternLM (书生·浦语) can understand and "
         "communicate fluently in the language chosen by the user such as English and 中文.",
     .stop_words = {"<|im_end|>"}},
    {.name = "intern_vl",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .prefix = "{BOS}",
     .default_system = "你是书生·万象，英文名是InternVL，是由上海人工智能实验室、清华大学及多家合作单位联合开"
                       "发的多模态大语言模型。",
     .stop_words = {"<|im_end|>"},
     .media = "intern_vl"},
    {.name = "intern_s1",
     .user = kChatMlUser,
     .assistant = kChatMlAnswer,
     .system = kChatMlSystem,
     .prefix = "{BOS}",
     .stop_words = {"<|im_end|>"},
     .media = "intern_vl"},
};
}  // namespace

constinit const Rows kIntern = kRows;

}  // namespace fettle::templates
