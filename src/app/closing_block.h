// What a training run ends with: where things lie, what to do next, and how Python loads the adapter.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/verbs.h"
#include "data/chat_template.h"
#include "tune/trainer.h"

namespace fettle::app {

/// How a prompt must be written so that the model sees what it was trained on, from `fettle chat` and from
/// Python.
struct PromptForm {
  enum class Kind {
    own_template,  // the model's own chat template says what was trained: apply_chat_template
    spelt_out,     // trained with another template: its text around the question
    plain_text,    // pre-training: no template at all
  } kind = Kind::own_template;
  std::string own_template;       // LLaMA-Factory's name of the model's own; "" when none is known
  std::string system;             // the system text of the run
  std::string before, after;      // spelt_out: the template's text around a first question
  std::vector<int32_t> stop_ids;  // spelt_out: what ends an answer
  std::optional<std::string> default_system;  // as the run named it, for fettle chat; unset = the template's
  std::string thinking;  // a reasoning template's rules as arguments of fettle chat, where not the usual
  std::string gguf;      // the file of a GGUF base; "" for a folder of safetensors
};

/// The form for a run with `chat` over a model whose own template is `own` (LLaMA-Factory's name, or "");
/// `system` is the job's default_system.
PromptForm prompt_form(Stage stage, const ChatTemplate& chat, std::string own,
                       const std::optional<std::string>& system);

/// `program` and `words` (without the verb) started the run: commands are shown under the name the user
/// called, and an interrupted run is told to repeat its own.
std::string closing_block(const TrainResult& result, const PromptForm& form, const std::string& program,
                          Words words);

/// A word as a shell takes it: quoted where it holds anything but letters, digits and harmless signs.
std::string shell_quoted(const std::string& word);
/// A text as a Python literal.
std::string python_string(const std::string& text);

}  // namespace fettle::app
