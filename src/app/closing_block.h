// What a training run ends with: where things lie, what to do next, and how Python loads the adapter.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/chat_template.h"
#include "tune/trainer.h"

namespace fettle::app {

/// How Python must write a prompt so that the model sees what it was trained on.
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
};

/// The form for a run with `chat` over a model whose own template is `own` (LLaMA-Factory's name, or "");
/// `system` is the job's default_system.
PromptForm prompt_form(Stage stage, const ChatTemplate& chat, std::string own, const std::string& system);

/// `command`: what started the run; an interrupted one is told to repeat it.
std::string closing_block(const TrainResult& result, const PromptForm& form, const std::string& command);

/// A word as a shell takes it: quoted where it holds anything but letters, digits and harmless signs.
std::string shell_quoted(const std::string& word);

}  // namespace fettle::app
