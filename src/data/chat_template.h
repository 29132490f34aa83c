// Chat templates by LLaMA-Factory's names: a row per template, rendered to segments and then to ids.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/sample.h"
#include "data/template_row.h"
#include "token/tokenizer.h"

namespace fettle {

/// A piece of a rendered conversation. Special tokens that the template itself writes are parsed; text that
/// came from a user's data is parsed as LLaMA-Factory does (special tokens in it become their ids).
struct RenderedPiece {
  TemplateSlot::Kind kind = TemplateSlot::Kind::text;
  std::string text;
};

/// One turn as ids: what is given and what is learnt.
struct EncodedTurn {
  std::vector<int32_t> source, target;
};

/// What a reasoning template does with thoughts; other templates have no say in them.
struct ThinkingRules {
  /// An answer without a thought gets an empty one: learnt (true) or given (false, unset). False also takes
  /// every thought out of the data.
  std::optional<bool> enable = true;
  bool preserve =
      false;  // keep the thoughts of earlier answers where only the last one is answered or learnt
};

class ChatTemplate {
 public:
  /// Looks the row up and ties it to a tokenizer (stop words, replacement of end-of-text). Error names the
  /// unknown template and the nearest, or the token that the template writes and the vocabulary does not
  /// have.
  ChatTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
               std::optional<std::string> default_system = {}, ThinkingRules thinking = {},
               ToolRules tools = {});

  /// The same for a row that is not in the table; what it views must outlive the template.
  ChatTemplate(const TemplateRow& row, std::shared_ptr<const Tokenizer> tokenizer,
               std::optional<std::string> default_system = {}, ThinkingRules thinking = {},
               ToolRules tools = {});

  const TemplateRow& row() const { return row_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  /// The system text of conversations that bring none: the job's where it names one ("": none), else the
  /// row's.
  const std::string& default_system() const { return default_system_; }
  const ThinkingRules& thinking() const { return thinking_; }
  /// End-of-text after replace_eos; -1 when neither vocabulary nor template has one.
  int32_t eos() const { return eos_; }
  /// What padding would be: the vocabulary's pad token, else eos(). -1 when there is neither.
  int32_t pad() const { return pad_; }
  std::span<const int32_t> stop_ids() const { return stop_ids_; }

  /// The pieces of every message; prefix, system text and tools belong to the first. Error for tools or calls
  /// that are not what their format needs.
  std::vector<std::vector<RenderedPiece>> render(std::span<const Message> messages, const std::string& system,
                                                 const std::string& tools = "") const;
  /// Source and target of every turn of prompt + response (an even number of messages), as LLaMA-Factory's
  /// encode_multiturn. `last_only`: only the last answer is learnt, so that earlier thoughts go unless they
  /// are preserved. Error as render().
  std::vector<EncodedTurn> encode_turns(std::span<const Message> messages, const std::string& system,
                                        const std::string& tools, bool last_only = false) const;
  /// Ids to generate from: the conversation up to where the assistant speaks (behind an empty thought where
  /// the rules want one given).
  std::vector<int32_t> encode_prompt(std::span<const Message> messages, const std::string& system) const;

 private:
  void resolve_end_tokens();
  std::vector<int32_t> encode_pieces(std::span<const RenderedPiece> pieces) const;
  std::vector<RenderedPiece> first_pieces(Message& message, const std::string& system,
                                          const std::string& tools) const;
  void add_empty_thought(const std::string& answer, EncodedTurn& turn) const;

  TemplateRow row_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string default_system_;
  ThinkingRules thinking_;
  std::string tool_date_;
  int32_t eos_ = -1, pad_ = -1;
  std::vector<int32_t> stop_ids_;
};

/// What is wrong when a template writes markers that are not tokens of this vocabulary; "" when it fits.
/// Error for a template that is not known.
std::string vocabulary_misfit(std::string_view name, const Tokenizer& tokenizer);

/// The LLaMA-Factory template that belongs to a model file's own Jinja template: by words that only its
/// family writes, else the one that renders the same; "" when there is none for certain. Used when `template`
/// is not set (then said aloud).
std::string_view guess_template(std::string_view jinja, const Tokenizer& tokenizer);

}  // namespace fettle
