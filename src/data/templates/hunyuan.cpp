#include "data/templates/rows.h"

namespace fettle::templates {

namespace {
constexpr TemplateRow kRows[] = {
    {.name = "hunyuan",
     .user = "{{content}}<|extra_0|>",
     .assistant = "{{content}}<|eos|>",
     .system = "{{content}}<|extra_4|>",
     .prefix = "<|startoftext|>",
     .stop_words = {"<|eos|>"}},
    {.name = "hunyuan_small",
     .user = "<｜hy_User｜>{{content}}<｜hy_place▁holder▁no▁8｜>",
     .assistant = "{{content}}<｜hy_place▁holder▁no▁2｜>",
     .system = "{{content}}<｜hy_place▁holder▁no▁3｜>",
     .prefix = "<｜hy_begin▁of▁sentence｜>",
     .stop_words = {"<｜hy_place▁holder▁no▁2｜>"}},
    {.name = "hy3",
     .user = "<｜hy_User｜>{{content}}<｜hy_Assistant｜>",
     .assistant = "{{content}}<｜hy_eos｜>",
     .prefix = "{BOS}",
     .stop_words = {"<｜hy_eos｜>"},
     .thought = {"<think>", "</think>"},
     .replace_eos = true,
     .reasoning = true},
    {.name = "hy_dense_1_8b",
     .user = "<｜hy_User｜>{{content}}",
     .assistant = "<｜hy_Assistant｜>{{content}}",
     .system = "{{content}}<｜hy_place▁holder▁no▁3｜>",
     .prefix = "{BOS}",
     .stop_words = {"<｜hy_place▁holder▁no▁2｜>"},
     .efficient_eos = true},
    {.name = "hy_dense_7b",
     .user = "{{content}}<|extra_0|>",
     .system = "{{content}}<|extra_4|>",
     .prefix = "{BOS}",
     .stop_words = {"<|eos|>"},
     .efficient_eos = true},
};
}  // namespace

constinit const Rows kHunyuan = kRows;

}  // namespace fettle::templates
