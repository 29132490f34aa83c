// Conversations as text, by a template of the table and by a model's own Jinja template, and where the two
// part.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/chat_template.h"
#include "data/jinja/template.h"

namespace fettle {

/// A short conversation that templates are compared on.
struct TemplateProbe {
  std::string_view name;  // "one question", for messages
  std::string_view system;
  std::vector<Message>
      messages;  // ends with a question: up to where the answer begins; else behind the answer
};

/// One question, its answer, a second question, and the same behind a system text.
const std::vector<TemplateProbe>& template_probes();

/// What the template writes, tokens by their written form; `chat`'s thoughts are as they stand in the
/// messages.
std::string template_text(const ChatTemplate& chat, const TemplateProbe& probe);

/// What the model's own template writes; Error as JinjaTemplate::render. The day is the one the tool formats
/// write, so that texts are the same on every day.
std::string own_template_text(const JinjaTemplate& own, const Tokenizer& tokenizer,
                              const TemplateProbe& probe);

struct TemplateDifference {
  std::string_view probe;
  size_t at = 0;          // in bytes; both texts are equal up to there
  std::string text, own;  // from a little in front of it on
  std::string own_error;  // the model's template refuses the conversation; the rest is empty then
};

/// Of every probe on which the two differ.
std::vector<TemplateDifference> template_differences(const ChatTemplate& chat, const JinjaTemplate& own);

/// The one template that writes every probe as the model's own does (less those with a system text that it
/// refuses); "" when there is none, or several which the probes cannot tell apart.
std::string_view template_by_rendering(const JinjaTemplate& own,
                                       const std::shared_ptr<const Tokenizer>& tokenizer);

/// A vocabulary that has whatever token is asked for, to show a template without a model: BOS and EOS are
/// written as {BOS} and {EOS}.
std::shared_ptr<const Tokenizer> any_vocabulary();

}  // namespace fettle
