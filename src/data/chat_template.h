// Chat templates by LLaMA-Factory's names: a row per template, rendered to segments and then to ids.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/sample.h"
#include "token/tokenizer.h"

namespace fettle {

/// A piece of a rendered conversation. Special tokens that the template itself writes are parsed; text that came from a
/// user's data is parsed as LLaMA-Factory does (special tokens in it become their ids).
struct RenderedPiece {
  enum class Kind : uint8_t { text, bos, eos } kind = Kind::text;
  std::string text;
};

/// One turn as ids: what is given and what is learnt.
struct EncodedTurn {
  std::vector<int32_t> source, target;
};

/// One template. Slots are written as the table of §4.8 has them; see chat_template.cpp for the little language.
struct TemplateRow {
  std::string_view name;
  std::span<const std::string_view> user, assistant, system, function, observation, prefix;  // slots in order
  std::string_view default_system = "";
  std::span<const std::string_view> stop_words = {};
  bool efficient_eos = false;
  bool replace_eos = false;
};

std::span<const TemplateRow* const> template_rows();

class ChatTemplate {
 public:
  /// Looks the row up and ties it to a tokenizer (stop words, eos replacement as §4.4). Error names the unknown template
  /// and the nearest, or the token the vocabulary lacks.
  ChatTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer, std::string default_system = "");

  const TemplateRow& row() const { return *row_; }
  const Tokenizer& tokenizer() const { return *tokenizer_; }
  int32_t eos() const { return eos_; }
  std::span<const int32_t> stop_ids() const { return stop_ids_; }

  /// Source and target of every turn of prompt + response, as LLaMA-Factory's encode_multiturn.
  std::vector<EncodedTurn> encode_turns(std::span<const Message> messages, const std::string& system,
                                        const std::string& tools) const;
  /// Ids to generate from: the conversation up to where the assistant speaks.
  std::vector<int32_t> encode_prompt(std::span<const Message> messages, const std::string& system) const;

 private:
  const TemplateRow* row_;
  std::shared_ptr<const Tokenizer> tokenizer_;
  std::string default_system_;
  int32_t eos_ = -1;
  std::vector<int32_t> stop_ids_;
};

/// The LLaMA-Factory template that renders what a model file's own Jinja template does; "" when none is recognised.
/// Used when `template` is not set (then said aloud).
std::string_view guess_template(std::string_view jinja, const Tokenizer& tokenizer);

}  // namespace fettle
