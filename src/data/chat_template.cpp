#include "data/chat_template.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace fettle {

namespace {

constexpr std::string_view kHole = "{{content}}", kRound = "{{idx}}";
constexpr std::string_view kMediaWords[] = {"<image>", "<video>", "<audio>"};

/// Only the first hole is filled, and what fills it is never looked at again: a message that says
/// "{{content}}" stays so.
std::string filled(std::string_view slot, std::string_view content, std::string_view round = kRound) {
  const size_t at = slot.find(kHole);
  if (at == slot.npos) return std::string(slot);
  std::string before(slot.substr(0, at));
  if (const size_t number = before.find(kRound); number != before.npos)
    before.replace(number, kRound.size(), round);
  return fmt::format("{}{}{}", before, content, slot.substr(at + kHole.size()));
}

void append(std::vector<RenderedPiece>& out, std::string_view part, std::string_view content,
            std::string_view round = kRound) {
  while (const std::optional<TemplateSlot> slot = next_slot(part))
    out.push_back({slot->kind, slot->kind == TemplateSlot::Kind::text ? filled(slot->text, content, round)
                                                                      : std::string(slot->text)});
}

std::string_view part_of(const TemplateRow& row, ChatRole role) {
  switch (role) {
    case ChatRole::user:
      return row.user;
    case ChatRole::assistant:
      return row.assistant_part();
    case ChatRole::observation:
      return row.observation_part();
    case ChatRole::function:
      return row.function_part();
  }
  FETTLE_CHECK(false, "role {}", int(role));
}

bool writes_eos(const TemplateRow& row) {
  for (std::string_view part : row.parts())
    while (const std::optional<TemplateSlot> slot = next_slot(part))
      if (slot->kind == TemplateSlot::Kind::eos) return true;
  return false;
}

void refuse_missing_tokens(const TemplateRow& row, const Tokenizer& tokenizer) {
  for (std::string_view part : row.parts())
    while (const std::optional<TemplateSlot> slot = next_slot(part))
      if (slot->kind == TemplateSlot::Kind::token && !tokenizer.id_of(slot->text))
        throw Error(
            {.what = fmt::format("template {} writes the token {}, which this model's vocabulary does "
                                 "not have",
                                 row.name, slot->text),
             .where = "template",
             .hint = "choose the template this model was made with"});
}

/// Where a model sees or hears, these words stand for what the data brings beside its text.
void refuse_media(const TemplateRow& row, const Message& message) {
  if (row.media.empty()) return;
  for (std::string_view word : kMediaWords)
    if (message.content.find(word) != message.content.npos)
      throw Error({.what = fmt::format("a message holds {}, and nothing is given that it stands for; images, "
                                       "video and sound come in a later version",
                                       word),
                   .where = "",
                   .hint = "take the records with media out, or the word where it is only text"});
}

/// What a message says in its slot. A template whose system text stands in the user slot writes calls
/// without looking for words around them, as LLaMA-Factory has it.
std::string content_of(const TemplateRow& row, const Message& message) {
  if (message.role != ChatRole::function) return message.content;
  const CallWords words{.call = row.call, .thought = row.thought};
  return calls_text(*row.tool_format, message.content, row.system_in_user ? nullptr : &words);
}

/// Every thought taken out, and the empty lines in front of what is left.
std::string without_thoughts(std::string_view answer, const WordPair& thought) {
  std::string out;
  for (;;) {
    const size_t open = answer.find(thought.open);
    const size_t close =
        open == answer.npos ? answer.npos : answer.find(thought.close, open + thought.open.size());
    if (close == answer.npos) break;
    out += answer.substr(0, open);
    answer.remove_prefix(close + thought.close.size());
  }
  out += answer;
  return out.substr(std::min(out.find_first_not_of('\n'), out.size()));
}

void strip_thoughts(std::span<Message> messages, const WordPair& thought) {
  for (size_t i = 1; i < messages.size(); i += 2)
    messages[i].content = without_thoughts(messages[i].content, thought);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kSpaces);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kSpaces) + 1 - begin);
}

bool has_thought(std::string_view answer, const WordPair& thought) {
  return answer.find(trimmed(thought.open)) != answer.npos ||
         answer.find(trimmed(thought.close)) != answer.npos;
}

TemplateRow with_tool_format(TemplateRow row, const std::string& name) {
  if (name.empty()) return row;
  row.tool_format = &find_tool_format(name);
  row.function = TemplateRow{.efficient_eos = row.efficient_eos}.assistant_part();
  return row;
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
                           std::optional<std::string> default_system, ThinkingRules thinking, ToolRules tools)
    : ChatTemplate(find_template(name), std::move(tokenizer), std::move(default_system), thinking,
                   std::move(tools)) {}

ChatTemplate::ChatTemplate(const TemplateRow& row, std::shared_ptr<const Tokenizer> tokenizer,
                           std::optional<std::string> default_system, ThinkingRules thinking, ToolRules tools)
    : row_(with_tool_format(row, tools.format)),
      tokenizer_(std::move(tokenizer)),
      default_system_(std::move(default_system).value_or(std::string(row_.default_system))),
      thinking_(thinking),
      tool_date_(std::move(tools.date)) {
  FETTLE_CHECK(tokenizer_ != nullptr);
  resolve_end_tokens();
  refuse_missing_tokens(row_, *tokenizer_);
}

// A stop word that the vocabulary does not have never comes (llama3's <|eom_id|>); where the template itself
// writes it, vocabulary_misfit() says so.
void ChatTemplate::resolve_end_tokens() {
  FETTLE_CHECK(!row_.replace_eos || !row_.stop_words.empty(), "template {}", row_.name);
  std::vector<int32_t> stops;
  for (std::string_view word : row_.stop_words)
    if (const std::optional<int32_t> id = tokenizer_->id_of(word)) stops.push_back(*id);
  eos_ = tokenizer_->special().eos;
  if (row_.replace_eos) eos_ = tokenizer_->id_of(row_.stop_words.front()).value_or(eos_);
  if (eos_ < 0) eos_ = tokenizer_->id_of("<|endoftext|>").value_or(-1);
  if (eos_ < 0 && (row_.efficient_eos || writes_eos(row_)))
    throw Error(
        {.what = fmt::format("template {} ends its answers with the end-of-text token, and this model's "
                             "vocabulary declares none",
                             row_.name),
         .where = "template",
         .hint = "set the model's eos_token, or choose another template"});
  pad_ = tokenizer_->special().pad >= 0 ? tokenizer_->special().pad : eos_;
  if (eos_ >= 0) stop_ids_.push_back(eos_);
  for (int32_t id : stops)
    if (std::find(stop_ids_.begin(), stop_ids_.end(), id) == stop_ids_.end()) stop_ids_.push_back(id);
}

// Prefix, system text and tools: in front of the first message, or inside it.
std::vector<RenderedPiece> ChatTemplate::first_pieces(Message& message, const std::string& system,
                                                      const std::string& tools) const {
  std::vector<RenderedPiece> pieces;
  append(pieces, row_.prefix, "");
  std::string text = system.empty() ? default_system_ : system;
  if (text.empty() && tools.empty()) return pieces;
  if (!tools.empty()) {
    std::string described = tools_text(*row_.tool_format, tools, tool_date_);
    if (row_.tools_alone_begin_at_once && text.empty())
      described.erase(0, std::min(described.find_first_not_of('\n'), described.size()));
    text += described;
  }
  if (!row_.system_in_user)
    append(pieces, row_.system, text);
  else if (message.role == ChatRole::user)  // in front of anything else LLaMA-Factory drops it
    message.content.insert(0, filled(row_.system, text));
  return pieces;
}

std::vector<std::vector<RenderedPiece>> ChatTemplate::render(std::span<const Message> messages,
                                                             const std::string& system,
                                                             const std::string& tools) const {
  std::vector<std::vector<RenderedPiece>> rendered(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    Message message = messages[i];
    refuse_media(row_, message);
    message.content = content_of(row_, message);
    if (i == 0) rendered[i] = first_pieces(message, system, tools);
    append(rendered[i], part_of(row_, message.role), message.content,
           message.role == ChatRole::user ? std::to_string(i / 2) : std::string(kRound));
  }
  return rendered;
}

std::vector<int32_t> ChatTemplate::encode_pieces(std::span<const RenderedPiece> pieces) const {
  std::vector<int32_t> ids;
  for (const RenderedPiece& piece : pieces) {
    if (piece.kind == TemplateSlot::Kind::text) {
      const std::vector<int32_t> part = tokenizer_->encode(piece.text, /*parse_special=*/true);
      ids.insert(ids.end(), part.begin(), part.end());
      continue;
    }
    const int32_t id = piece.kind == TemplateSlot::Kind::token ? tokenizer_->id_of(piece.text).value()
                       : piece.kind == TemplateSlot::Kind::bos ? tokenizer_->special().bos
                                                               : eos_;
    if (id >= 0) ids.push_back(id);  // a vocabulary without BOS begins without one, as in LLaMA-Factory
  }
  return ids;
}

void ChatTemplate::add_empty_thought(const std::string& answer, EncodedTurn& turn) const {
  if (has_thought(answer, row_.thought)) return;
  const std::string empty = row_.empty_thought.empty()
                                ? std::string(row_.thought.open).append(row_.thought.close)
                                : std::string(row_.empty_thought);
  const std::vector<int32_t> ids = tokenizer_->encode(empty, /*parse_special=*/true);
  const bool learnt = thinking_.enable.value_or(false);
  std::vector<int32_t>& out = learnt ? turn.target : turn.source;
  out.insert(learnt ? out.begin() : out.end(), ids.begin(), ids.end());
}

std::vector<EncodedTurn> ChatTemplate::encode_turns(std::span<const Message> messages,
                                                    const std::string& system, const std::string& tools,
                                                    bool last_only) const {
  FETTLE_CHECK(messages.size() % 2 == 0, "{} messages", messages.size());
  std::vector<Message> kept(messages.begin(), messages.end());
  const bool forgets = last_only && !thinking_.preserve;
  if (row_.reasoning && thinking_.enable == false)
    strip_thoughts(kept, row_.thought);
  else if (row_.reasoning && forgets)
    strip_thoughts(std::span(kept).first(kept.size() - std::min<size_t>(kept.size(), 2)), row_.thought);
  const std::vector<std::vector<RenderedPiece>> rendered = render(kept, system, tools);
  std::vector<EncodedTurn> turns;
  turns.reserve(rendered.size() / 2);
  for (size_t i = 0; i < rendered.size(); i += 2) {
    turns.push_back({encode_pieces(rendered[i]), encode_pieces(rendered[i + 1])});
    const bool last = i + 2 == rendered.size();
    if (row_.reasoning && (last || !forgets)) add_empty_thought(kept[i + 1].content, turns.back());
  }
  return turns;
}

std::vector<int32_t> ChatTemplate::encode_prompt(std::span<const Message> messages,
                                                 const std::string& system) const {
  std::vector<Message> kept(messages.begin(), messages.end());
  if (row_.reasoning && !thinking_.preserve) strip_thoughts(kept, row_.thought);
  EncodedTurn turn;
  for (const std::vector<RenderedPiece>& pieces : render(kept, system)) {
    const std::vector<int32_t> part = encode_pieces(pieces);
    turn.source.insert(turn.source.end(), part.begin(), part.end());
  }
  if (row_.reasoning) add_empty_thought("", turn);
  return std::move(turn.source);
}

std::string vocabulary_misfit(std::string_view name, const Tokenizer& tokenizer) {
  const TemplateRow& row = find_template(name);
  std::vector<std::string_view> missing;
  for (std::string_view marker : markers_of(row))
    if (!tokenizer.id_of(marker)) missing.push_back(marker);
  if (missing.empty()) return "";
  const auto stop =
      std::find_first_of(missing.begin(), missing.end(), row.stop_words.begin(), row.stop_words.end());
  return fmt::format(
      "template {} does not fit this model's vocabulary, which has no token {}: {} learnt as loose "
      "characters{}; "
      "choose the template this model was made with",
      name, fmt::join(missing, ", "), missing.size() == 1 ? "it is" : "they are",
      stop == missing.end() ? "" : fmt::format(", and generation does not stop at {}", *stop));
}

}  // namespace fettle
