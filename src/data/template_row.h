// What a chat template is: a row of texts with holes, by LLaMA-Factory's names.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/tool_formats.h"

namespace fettle {

/// A few words of a row, in order.
class WordList {
 public:
  constexpr WordList() = default;
  constexpr WordList(std::initializer_list<std::string_view> words) : size_(words.size()) {
    std::copy(words.begin(), words.end(), words_.begin());  // one too many does not compile
  }
  constexpr const std::string_view* begin() const { return words_.data(); }
  constexpr const std::string_view* end() const { return words_.data() + size_; }
  constexpr bool empty() const { return size_ == 0; }
  constexpr std::string_view front() const { return words_.front(); }

 private:
  std::array<std::string_view, 4> words_;
  size_t size_ = 0;
};

/// One template. A part of it is a text of slots, each tokenised on its own: {BOS}, {EOS} and {id:TOKEN} are
/// single tokens; the text between them is a slot, and {|} is a border inside it. The first {{content}} of a
/// slot stands for the message, {{idx}} in front of it for the number of the round.
struct TemplateRow {
  std::string_view name;
  std::string_view user = "{{content}}";
  std::string_view assistant = "";  // empty: {{content}}{EOS}, or without {EOS} where efficient_eos
  std::string_view system = "{{content}}";
  std::string_view observation = "";  // a tool's answer; empty: as `user`
  std::string_view function = "";     // an answer that calls functions; empty: as `assistant`
  std::string_view prefix = "";       // once, in front of everything
  std::string_view default_system = "";
  WordList stop_words = {};
  WordPair thought = CallWords{}.thought;  // the words around a thought
  std::string_view empty_thought = "";     // empty: both words, with nothing between them
  WordPair call = CallWords{}.call;        // the words around a call inside an answer's text
  WordList markers = {};  // tokens in its slots beside <|…|> and stop words, so that a misfit is told
  const ToolFormat* tool_format = &kDefaultTools;
  std::string_view media = "";         // LLaMA-Factory's name of how it sees or hears; empty: it reads only
  std::string_view pretrain_eos = "";  // ends a document of pre-training; empty: the end-of-text token
  bool efficient_eos = false;   // answers have no end of their own; one end-of-text closes the whole sample
  bool replace_eos = false;     // the first stop word takes the place of the vocabulary's end-of-text
  bool system_in_user = false;  // the system text stands inside the first user slot (its Llama2Template)
  bool reasoning = false;  // answers begin with a thought, an empty one if need be (its ReasoningTemplate)
  bool tools_alone_begin_at_once = false;  // without a system text, no line ends in front of the tools
  bool loose_markers = false;              // to its models <|…|> is text like any other

  /// The parts that stand in for one another.
  constexpr std::string_view assistant_part() const {
    return !assistant.empty() ? assistant : efficient_eos ? "{{content}}" : "{{content}}{EOS}";
  }
  constexpr std::string_view function_part() const { return function.empty() ? assistant_part() : function; }
  constexpr std::string_view observation_part() const { return observation.empty() ? user : observation; }
  std::array<std::string_view, 6> parts() const {
    return {user, assistant_part(), system, observation_part(), function_part(), prefix};
  }
};

struct TemplateSlot {
  enum class Kind : uint8_t { text, bos, eos, token } kind = Kind::text;
  std::string_view text;  // of a text with its holes, the name of a token
};

/// Takes the first slot off `part`; nothing when there is none left.
std::optional<TemplateSlot> next_slot(std::string_view& part);

/// The tokens a vocabulary must have for the template to fit, in the order its parts write them.
std::vector<std::string_view> markers_of(const TemplateRow& row);

std::span<const TemplateRow* const> template_rows();

/// The page docs/templates.md: one line per row.
std::string templates_markdown();

/// Error for an unknown name, with the nearest.
const TemplateRow& find_template(std::string_view name);

}  // namespace fettle
