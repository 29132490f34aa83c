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
#include "data/tool_formats.h"
#include "token/tokenizer.h"

namespace fettle {

/// A piece of a rendered conversation. Special tokens that the template itself writes are parsed; text that
/// came from a user's data is parsed as LLaMA-Factory does (special tokens in it become their ids).
struct RenderedPiece {
  enum class Kind : uint8_t { text, bos, eos } kind = Kind::text;
  std::string text;
};

/// One turn as ids: what is given and what is learnt.
struct EncodedTurn {
  std::vector<int32_t> source, target;
};

/// One template: slots in order. A slot is "{BOS}", "{EOS}" or a text in which the first {{content}} stands
/// for the message. Every text slot is tokenised on its own, so the border between two slots is always a
/// border between tokens.
struct TemplateRow {
  std::string_view name;
  std::span<const std::string_view> user, assistant, system;
  std::span<const std::string_view> observation = {};  // empty: as `user`
  std::span<const std::string_view> function = {};  // an answer that calls functions; empty: as `assistant`
  std::span<const std::string_view> prefix = {};    // once, in front of everything
  std::string_view default_system = "";
  std::span<const std::string_view> stop_words = {};
  std::span<const std::string_view> markers =
      {};  // what its slots write and a vocabulary should have as tokens
  const ToolFormat* tool_format = &kDefaultTools;
  std::string_view pretrain_eos = "";  // ends a document of pre-training; empty: the end-of-text token
  bool efficient_eos = false;  // answers have no end of their own; one end-of-text closes the whole sample
  bool replace_eos = false;    // the first stop word takes the place of the vocabulary's end-of-text
  bool system_in_user =
      false;  // the system text stands inside the first user slot (LLaMA-Factory's Llama2Template)
  bool reasoning = false;  // answers begin with a thought, an empty one if need be (its ReasoningTemplate)
};

/// What a reasoning template does with thoughts (<think>…</think>); other templates have no say in them.
struct ThinkingRules {
  /// An answer without a thought gets an empty one: learnt (true) or given (false, unset). False also takes
  /// every thought out of the data.
  std::optional<bool> enable = true;
  bool preserve =
      false;  // keep the thoughts of earlier answers where only the last one is answered or learnt
};

std::span<const TemplateRow* const> template_rows();

class ChatTemplate {
 public:
  /// Looks the row up and ties it to a tokenizer (stop words, replacement of end-of-text). Error names the
  /// unknown template and the nearest, or says that the vocabulary has no end-of-text where one is written.
  ChatTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
               std::string default_system = "", ThinkingRules thinking = {});

  /// The same for a row that is not in the table; it must outlive the template.
  ChatTemplate(const TemplateRow& row, std::shared_ptr<const Tokenizer> tokenizer,
               std::string default_system = "", ThinkingRules thinking = {});

  const TemplateRow& row() const { return *row_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  /// The system text of conversations that bring none: the job's, else the row's.
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

  const TemplateRow* row_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string default_system_;
  ThinkingRules thinking_;
  int32_t eos_ = -1, pad_ = -1;
  std::vector<int32_t> stop_ids_;
};

/// What is wrong when a template writes markers that are not tokens of this vocabulary; "" when it fits.
/// Error for a template that is not known.
std::string vocabulary_misfit(std::string_view name, const Tokenizer& tokenizer);

/// The LLaMA-Factory template that belongs to a model file's own Jinja template; "" when none is recognised
/// with certainty. Used when `template` is not set (then said aloud).
std::string_view guess_template(std::string_view jinja, const Tokenizer& tokenizer);

}  // namespace fettle
