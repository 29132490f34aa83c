// Which LLaMA-Factory template a model file's Jinja text stands for, told by strings only that family writes.
#include <algorithm>
#include <span>

#include "data/chat_template.h"

namespace fettle {

namespace {

using Words = std::span<const std::string_view>;

struct Sign {
  std::string_view name;
  Words has;    // every one of them stands in the Jinja text
  Words lacks;  // none of them does
};

constexpr std::string_view kSmolLm2Has[] = {"<|im_start|>", "<|im_end|>",
                                            "named SmolLM, trained by Hugging Face"};
// Plain ChatML without a default system text is what `smollm` writes. Anything that adds a system text, tools
// or thoughts is another family's.
constexpr std::string_view kSmolLmHas[] = {"<|im_start|>", "<|im_end|>"};
constexpr std::string_view kSmolLmLacks[] = {"You are", "you are", "system_message",
                                             "tool",    "think",   "bos_token"};
// Llama 3.1 and later also write the date into the system text; LLaMA-Factory trains them with llama3 all the
// same.
constexpr std::string_view kLlama3Has[] = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"};
constexpr std::string_view kLlama3Lacks[] = {"GPT4 Correct"};  // openchat-3.6
constexpr std::string_view kLlama2Has[] = {"[INST]", "[/INST]", "<<SYS>>", "<</SYS>>"};
// The generations of Mistral differ in the spaces around [/INST]; `mistral` is the one that has none in
// front.
constexpr std::string_view kMistralHas[] = {"[INST] ", "\"[/INST]\""};
constexpr std::string_view kMistralLacks[] = {"<<SYS>>", "[SYSTEM_PROMPT]"};

constexpr Sign kSigns[] = {
    {"smollm2", kSmolLm2Has, {}},
    {"smollm", kSmolLmHas, kSmolLmLacks},
    {"llama3", kLlama3Has, kLlama3Lacks},
    {"llama2", kLlama2Has, {}},
    {"mistral", kMistralHas, kMistralLacks},
};

bool matches(const Sign& sign, std::string_view jinja) {
  const auto in_text = [&](std::string_view word) { return jinja.find(word) != jinja.npos; };
  return std::all_of(sign.has.begin(), sign.has.end(), in_text) &&
         std::none_of(sign.lacks.begin(), sign.lacks.end(), in_text);
}

/// The markers the family writes must be tokens of this vocabulary; otherwise the text came from somewhere
/// else.
bool vocabulary_fits(std::string_view name, const Tokenizer& tokenizer) {
  const auto row = std::find_if(template_rows().begin(), template_rows().end(),
                                [&](const TemplateRow* r) { return r->name == name; });
  const Words stops = (*row)->stop_words;
  return stops.empty() || tokenizer.id_of(stops.front()).has_value();
}

}  // namespace

std::string_view guess_template(std::string_view jinja, const Tokenizer& tokenizer) {
  for (const Sign& sign : kSigns)
    if (matches(sign, jinja)) return vocabulary_fits(sign.name, tokenizer) ? sign.name : std::string_view();
  return "";
}

}  // namespace fettle
