#include "data/chat_template.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/options.h"

namespace fettle {

namespace {

constexpr std::string_view kBosSlot = "{BOS}", kEosSlot = "{EOS}", kHole = "{{content}}";

const TemplateRow& find_row(std::string_view name) {
  std::vector<std::string> names;
  for (const TemplateRow* row : template_rows()) {
    if (row->name == name) return *row;
    names.emplace_back(row->name);
  }
  const std::string near = nearest_name(name, names);
  throw Error({.what = fmt::format("there is no template \"{}\"{}", name,
                                   near.empty() ? "" : fmt::format("; did you mean \"{}\"?", near)),
               .where = "template",
               .hint = fmt::format("templates of this version: {}", fmt::join(names, ", "))});
}

using Slots = std::span<const std::string_view>;

std::array<Slots, 5> all_slots(const TemplateRow& row) {
  return {row.user, row.assistant, row.system, row.observation, row.prefix};
}

bool writes(const TemplateRow& row, std::string_view text) {
  for (Slots slots : all_slots(row))
    for (std::string_view slot : slots)
      if (slot.find(text) != slot.npos) return true;
  return false;
}

/// Only the first hole is filled, and what fills it is never looked at again: a message that says
/// "{{content}}" stays so.
std::string filled(std::string_view slot, std::string_view content) {
  const size_t at = slot.find(kHole);
  if (at == slot.npos) return std::string(slot);
  return fmt::format("{}{}{}", slot.substr(0, at), content, slot.substr(at + kHole.size()));
}

void append(std::vector<RenderedPiece>& out, Slots slots, std::string_view content) {
  for (std::string_view slot : slots) {
    if (slot == kBosSlot)
      out.push_back({RenderedPiece::Kind::bos, ""});
    else if (slot == kEosSlot)
      out.push_back({RenderedPiece::Kind::eos, ""});
    else
      out.push_back({RenderedPiece::Kind::text, filled(slot, content)});
  }
}

Slots slots_of(const TemplateRow& row, ChatRole role) {
  switch (role) {
    case ChatRole::user:
      return row.user;
    case ChatRole::assistant:
      return row.assistant;
    case ChatRole::observation:
      return row.observation.empty() ? row.user : row.observation;
    case ChatRole::function:
      break;
  }
  throw Error({.what = "function calls in conversations come in a later version",
               .where = fmt::format("template {}", row.name),
               .hint = "leave these records out for now"});
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view name, std::shared_ptr<const Tokenizer> tokenizer,
                           std::string default_system)
    : ChatTemplate(find_row(name), std::move(tokenizer), std::move(default_system)) {}

ChatTemplate::ChatTemplate(const TemplateRow& row, std::shared_ptr<const Tokenizer> tokenizer,
                           std::string default_system)
    : row_(&row),
      tokenizer_(std::move(tokenizer)),
      default_system_(default_system.empty() ? std::string(row_->default_system)
                                             : std::move(default_system)) {
  FETTLE_CHECK(tokenizer_ != nullptr);
  resolve_end_tokens();
}

// A stop word the template writes itself must be one token, or every answer would end in loose characters
// that no generation stops at. One that only a model would write (llama3's <|eom_id|>) may be missing: then
// it never comes.
void ChatTemplate::resolve_end_tokens() {
  std::vector<int32_t> stops;
  for (std::string_view word : row_->stop_words) {
    if (const std::optional<int32_t> id = tokenizer_->id_of(word)) {
      stops.push_back(*id);
    } else if (writes(*row_, word)) {
      throw Error({.what = fmt::format(
                       "template {} ends its turns with {}, and this model's vocabulary has no such token",
                       row_->name, word),
                   .where = "template",
                   .hint = "choose the template this model was made with"});
    }
  }
  FETTLE_CHECK(!row_->replace_eos || !stops.empty(), "template {}", row_->name);
  eos_ = row_->replace_eos ? stops.front() : tokenizer_->special().eos;
  if (eos_ < 0) eos_ = tokenizer_->id_of("<|endoftext|>").value_or(-1);
  if (eos_ < 0 && (row_->efficient_eos || writes(*row_, kEosSlot)))
    throw Error(
        {.what = fmt::format("template {} ends its answers with the end-of-text token, and this model's "
                             "vocabulary declares none",
                             row_->name),
         .where = "template",
         .hint = "set the model's eos_token, or choose another template"});
  pad_ = tokenizer_->special().pad >= 0 ? tokenizer_->special().pad : eos_;
  if (eos_ >= 0) stop_ids_.push_back(eos_);
  for (int32_t id : stops)
    if (std::find(stop_ids_.begin(), stop_ids_.end(), id) == stop_ids_.end()) stop_ids_.push_back(id);
}

std::vector<std::vector<RenderedPiece>> ChatTemplate::render(std::span<const Message> messages,
                                                             const std::string& system) const {
  const std::string& system_text = system.empty() ? default_system_ : system;
  std::vector<std::vector<RenderedPiece>> rendered(messages.size());
  for (size_t i = 0; i < messages.size(); ++i) {
    std::string content = messages[i].content;
    if (i == 0) {
      append(rendered[i], row_->prefix, "");
      if (!system_text.empty() && row_->system_in_user)
        content = filled(row_->system.front(), system_text) + content;
      else if (!system_text.empty())
        append(rendered[i], row_->system, system_text);
    }
    append(rendered[i], slots_of(*row_, messages[i].role), content);
  }
  return rendered;
}

std::vector<int32_t> ChatTemplate::encode_pieces(std::span<const RenderedPiece> pieces) const {
  std::vector<int32_t> ids;
  for (const RenderedPiece& piece : pieces) {
    if (piece.kind == RenderedPiece::Kind::text) {
      const std::vector<int32_t> part = tokenizer_->encode(piece.text, /*parse_special=*/true);
      ids.insert(ids.end(), part.begin(), part.end());
      continue;
    }
    const int32_t id = piece.kind == RenderedPiece::Kind::bos ? tokenizer_->special().bos : eos_;
    if (id >= 0) ids.push_back(id);  // a vocabulary without BOS begins without one, as in LLaMA-Factory
  }
  return ids;
}

std::vector<EncodedTurn> ChatTemplate::encode_turns(std::span<const Message> messages,
                                                    const std::string& system,
                                                    const std::string& tools) const {
  FETTLE_CHECK(messages.size() % 2 == 0, "{} messages", messages.size());
  if (!tools.empty())
    throw Error({.what = "tool descriptions come in a later version",
                 .where = "tools",
                 .hint = "leave `tools` out of the dataset's columns for now"});
  const std::vector<std::vector<RenderedPiece>> rendered = render(messages, system);
  std::vector<EncodedTurn> turns;
  turns.reserve(rendered.size() / 2);
  for (size_t i = 0; i < rendered.size(); i += 2)
    turns.push_back({encode_pieces(rendered[i]), encode_pieces(rendered[i + 1])});
  return turns;
}

std::vector<int32_t> ChatTemplate::encode_prompt(std::span<const Message> messages,
                                                 const std::string& system) const {
  std::vector<int32_t> ids;
  for (const std::vector<RenderedPiece>& pieces : render(messages, system)) {
    const std::vector<int32_t> part = encode_pieces(pieces);
    ids.insert(ids.end(), part.begin(), part.end());
  }
  return ids;
}

}  // namespace fettle
