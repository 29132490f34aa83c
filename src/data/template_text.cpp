#include "data/template_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {

using nlohmann::ordered_json;

class AnyVocabulary final : public Tokenizer {
 public:
  std::vector<int32_t> encode(std::string_view, bool) const override { return {}; }
  std::string bytes_of(int32_t id) const override { return id == kBos ? "{BOS}" : id == kEos ? "{EOS}" : ""; }
  TokenKind kind(int32_t) const override { return TokenKind::control; }
  int64_t vocab_size() const override { return kOther + 1; }
  std::optional<int32_t> id_of(std::string_view) const override { return kOther; }
  const SpecialIds& special() const override { return special_; }
  std::string describe() const override { return "any token"; }

 private:
  static constexpr int32_t kBos = 0, kEos = 1, kOther = 2;
  SpecialIds special_{.bos = kBos, .eos = kEos};
};

std::string written(const Tokenizer& tokenizer, int32_t id) {
  return id < 0 ? "" : tokenizer.bytes_of(id);
}

std::string end_of_text(const ChatTemplate& chat) {
  if (chat.row().replace_eos) return std::string(chat.row().stop_words.front());
  return written(chat.tokenizer(), chat.eos());
}

std::string piece_text(const ChatTemplate& chat, const RenderedPiece& piece) {
  switch (piece.kind) {
    case TemplateSlot::Kind::bos:
      return written(chat.tokenizer(), chat.tokenizer().special().bos);
    case TemplateSlot::Kind::eos:
      return end_of_text(chat);
    default:
      return piece.text;
  }
}

ordered_json messages_of(const TemplateProbe& probe) {
  ordered_json messages = ordered_json::array();
  if (!probe.system.empty()) messages.push_back({{"role", "system"}, {"content", probe.system}});
  for (const Message& message : probe.messages)
    messages.push_back(
        {{"role", message.role == ChatRole::user ? "user" : "assistant"}, {"content", message.content}});
  return messages;
}

/// The day of ToolRules.
std::tm fixed_day() {
  std::tm day{};
  day.tm_year = 124, day.tm_mon = 6, day.tm_mday = 26, day.tm_wday = 5, day.tm_yday = 207;
  return day;
}

/// From a little in front of `at` on, whole characters.
std::string around(std::string_view text, size_t at) {
  constexpr size_t kBefore = 20, kBehind = 40;
  size_t begin = at > kBefore ? at - kBefore : 0;
  while (begin > 0 && (text[begin] & 0xC0) == 0x80) --begin;
  const std::string_view part = text.substr(begin, at - begin + kBehind);
  return std::string(part.substr(0, complete_utf8_prefix(part)));
}

std::optional<TemplateDifference> difference(const ChatTemplate& chat, const JinjaTemplate& own,
                                             const TemplateProbe& probe) {
  const std::string text = template_text(chat, probe);
  std::string other;
  try {
    other = own_template_text(own, chat.tokenizer(), probe);
  } catch (const Error& error) {
    return TemplateDifference{.probe = probe.name, .own_error = error.message()};
  }
  if (text == other) return std::nullopt;
  const auto place = std::mismatch(text.begin(), text.end(), other.begin(), other.end()).first;
  const auto at = size_t(place - text.begin());
  return TemplateDifference{probe.name, at, around(text, at), around(other, at), ""};
}

bool writes(const TemplateRow& row, const std::shared_ptr<const Tokenizer>& tokenizer,
            const std::vector<std::pair<const TemplateProbe*, std::string>>& wanted) {
  try {
    const ChatTemplate chat(row, tokenizer);
    return std::all_of(wanted.begin(), wanted.end(),
                       [&](const auto& one) { return template_text(chat, *one.first) == one.second; });
  } catch (const Error&) {
    return false;  // this vocabulary lacks what the row writes
  }
}

}  // namespace

const std::vector<TemplateProbe>& template_probes() {
  static const std::vector<TemplateProbe> probes = [] {
    const Message question{ChatRole::user, "What is 2 + 2?"}, answer{ChatRole::assistant, "It is 4."};
    const Message second{ChatRole::user, "And 3 + 3?"};
    const std::string_view system = "Answer briefly.";
    return std::vector<TemplateProbe>{
        {"a question", "", {question}},
        {"a question and its answer", "", {question, answer}},
        {"a second question", "", {question, answer, second}},
        {"a question behind a system text", system, {question}},
        {"a second question behind a system text", system, {question, answer, second}},
    };
  }();
  return probes;
}

std::string template_text(const ChatTemplate& chat, const TemplateProbe& probe) {
  std::string text;
  for (const auto& pieces : chat.render(probe.messages, std::string(probe.system)))
    for (const RenderedPiece& piece : pieces) text += piece_text(chat, piece);
  return text;
}

std::string own_template_text(const JinjaTemplate& own, const Tokenizer& tokenizer,
                              const TemplateProbe& probe) {
  ordered_json variables = {{"messages", messages_of(probe)}, {"tools", nullptr}, {"documents", nullptr}};
  variables["add_generation_prompt"] = probe.messages.back().role == ChatRole::user;
  const SpecialIds& special = tokenizer.special();
  const std::pair<const char*, int32_t> tokens[] = {{"bos_token", special.bos},
                                                    {"eos_token", special.eos},
                                                    {"pad_token", special.pad},
                                                    {"unk_token", special.unk}};
  for (const auto& [name, id] : tokens)
    if (id >= 0) variables[name] = tokenizer.bytes_of(id);
  return own.render(variables, fixed_day()).text;
}

std::vector<TemplateDifference> template_differences(const ChatTemplate& chat, const JinjaTemplate& own) {
  std::vector<TemplateDifference> all;
  for (const TemplateProbe& probe : template_probes())
    if (auto one = difference(chat, own, probe)) all.push_back(std::move(*one));
  return all;
}

std::string_view template_by_rendering(const JinjaTemplate& own,
                                       const std::shared_ptr<const Tokenizer>& tokenizer) {
  std::vector<std::pair<const TemplateProbe*, std::string>> wanted;
  for (const TemplateProbe& probe : template_probes()) {
    try {
      wanted.emplace_back(&probe, own_template_text(own, *tokenizer, probe));
    } catch (const Error&) {
      if (probe.system.empty()) return "";  // many refuse a system text, none a question
    }
  }
  std::string_view found;
  for (const TemplateRow* row : template_rows()) {
    // What sees or hears renders texts as its sibling that only reads does.
    if (!row->media.empty() || !vocabulary_misfit(row->name, *tokenizer).empty()) continue;
    if (!writes(*row, tokenizer, wanted)) continue;
    if (!found.empty()) return "";
    found = row->name;
  }
  return found;
}

std::shared_ptr<const Tokenizer> any_vocabulary() {
  return std::make_shared<const AnyVocabulary>();
}

}  // namespace fettle
