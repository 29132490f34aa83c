// Which LLaMA-Factory template a model file's Jinja text stands for: told by strings only that family writes,
// else by what it renders.
#include <algorithm>
#include <optional>
#include <span>

#include "base/error.h"
#include "data/chat_template.h"
#include "data/template_text.h"

namespace fettle {

namespace {

using Signs = std::span<const std::string_view>;

struct Sign {
  std::string_view name;
  Signs has;                                // every one of them stands in the Jinja text
  Signs lacks;                              // none of them does
  std::optional<int32_t> end_of_text = {};  // the id of <|endoftext|>, where the text alone says too little
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

// Qwen2.5 writes its name into a default system text; Qwen2 writes a plain one, which others write too, so
// that its vocabulary must speak for it. LLaMA-Factory trains both with qwen.
constexpr std::string_view kQwen25Has[] = {"<|im_start|>", "<|im_end|>",
                                           "You are Qwen, created by Alibaba Cloud"};
constexpr std::string_view kQwen25Lacks[] = {"think", "<|vision_start|>"};  // QwQ thinks, the VL models see
constexpr std::string_view kQwen2Has[] = {"<|im_start|>system", "You are a helpful assistant",
                                          "messages[0]['role'] != 'system'"};
constexpr std::string_view kQwen2Lacks[] = {"tool", "think", "bos_token"};
// Qwen3 has no default system text. The releases that think carry the words of a thought, those that never do
// (2507's Instruct) do not; the ones that see or write code in XML are others.
constexpr std::string_view kQwen3Has[] = {"<|im_start|>",      "<tools></tools> XML tags", "<tool_response>",
                                          "reasoning_content", "last_query_index",         "</think>"};
constexpr std::string_view kQwen3InstructHas[] = {"<|im_start|>", "<tools></tools> XML tags",
                                                  "<tool_response>", "messages[0].role == 'system'"};
constexpr std::string_view kQwen3Lacks[] = {"You are Qwen", "You are a ", "<|vision_start|>", "<function="};
constexpr std::string_view kQwen3InstructLacks[] = {"You are Qwen", "You are a ", "<|vision_start|>",
                                                    "<function=", "think"};
// Gemma 1 and 2 refuse a system text; Gemma 3n hears.
constexpr std::string_view kGemma3Has[] = {"<start_of_turn>", "<end_of_turn>", "first_user_prefix"};
constexpr std::string_view kGemma3Lacks[] = {"<audio_soft_token>"};

constexpr Sign kSigns[] = {
    {"qwen", kQwen25Has, kQwen25Lacks},   {"qwen", kQwen2Has, kQwen2Lacks, 151643},
    {"qwen3", kQwen3Has, kQwen3Lacks},    {"qwen3_nothink", kQwen3InstructHas, kQwen3InstructLacks},
    {"gemma3", kGemma3Has, kGemma3Lacks}, {"smollm2", kSmolLm2Has, {}},
    {"smollm", kSmolLmHas, kSmolLmLacks}, {"llama3", kLlama3Has, kLlama3Lacks},
    {"llama2", kLlama2Has, {}},           {"mistral", kMistralHas, kMistralLacks},
};

bool matches(const Sign& sign, std::string_view jinja) {
  const auto in_text = [&](std::string_view word) { return jinja.find(word) != jinja.npos; };
  return std::all_of(sign.has.begin(), sign.has.end(), in_text) &&
         std::none_of(sign.lacks.begin(), sign.lacks.end(), in_text);
}

/// The markers the family writes must be tokens of this vocabulary; otherwise the text came from somewhere
/// else.
bool vocabulary_fits(std::string_view name, const Tokenizer& tokenizer) {
  const WordList& stops = find_template(name).stop_words;
  return stops.empty() || tokenizer.id_of(stops.front()).has_value();
}

}  // namespace

std::string_view guess_template(std::string_view jinja, const Tokenizer& tokenizer) {
  for (const Sign& sign : kSigns)
    if (matches(sign, jinja) && (!sign.end_of_text || tokenizer.id_of("<|endoftext|>") == sign.end_of_text))
      return vocabulary_fits(sign.name, tokenizer) ? sign.name : std::string_view();
  try {
    // Borrowed for as long as it is looked at.
    const std::shared_ptr<const Tokenizer> borrowed(std::shared_ptr<void>(), &tokenizer);
    return template_by_rendering(JinjaTemplate(jinja, "chat_template"), borrowed);
  } catch (const Error&) {
    return "";  // not Jinja as it is understood here
  }
}

}  // namespace fettle
