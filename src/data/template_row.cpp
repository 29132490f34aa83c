#include "data/template_row.h"

namespace fettle {

namespace {

constexpr std::string_view kBorder = "{|}", kToken = "{id:";

struct Single {
  std::string_view word;
  TemplateSlot::Kind kind;
};
constexpr Single kSingles[] = {{"{BOS}", TemplateSlot::Kind::bos}, {"{EOS}", TemplateSlot::Kind::eos}};

/// Where the text at the head of `part` ends: at the next slot of another kind, or a border.
size_t text_length(std::string_view part) {
  for (size_t at = 0; (at = part.find('{', at)) != part.npos; ++at) {
    const std::string_view rest = part.substr(at);
    if (rest.starts_with(kBorder) || rest.starts_with(kToken)) return at;
    for (const Single& single : kSingles)
      if (rest.starts_with(single.word)) return at;
  }
  return part.size();
}

/// Every <|…|> of a text, also with the full-width bars that some families write.
void add_markers(std::string_view text, const auto& add) {
  for (const auto& [open, close] : {WordPair{"<|", "|>"}, WordPair{"<｜", "｜>"}})
    for (size_t at = 0; (at = text.find(open, at)) != text.npos; at += open.size()) {
      const size_t end = text.find(close, at + open.size());
      if (end == text.npos) break;
      const std::string_view marker = text.substr(at, end + close.size() - at);
      // From <|turn> to <turn|> stands a whole message.
      if (marker.find('<', 1) == marker.npos) add(marker);
    }
}

}  // namespace

std::optional<TemplateSlot> next_slot(std::string_view& part) {
  if (part.starts_with(kBorder)) part.remove_prefix(kBorder.size());
  if (part.empty()) return std::nullopt;
  for (const Single& single : kSingles)
    if (part.starts_with(single.word)) {
      part.remove_prefix(single.word.size());
      return TemplateSlot{single.kind, {}};
    }
  if (part.starts_with(kToken)) {
    const size_t end = part.find('}');
    const TemplateSlot slot{TemplateSlot::Kind::token, part.substr(kToken.size(), end - kToken.size())};
    part.remove_prefix(end + 1);
    return slot;
  }
  const TemplateSlot slot{TemplateSlot::Kind::text, part.substr(0, text_length(part))};
  part.remove_prefix(slot.text.size());
  return slot;
}

std::vector<std::string_view> markers_of(const TemplateRow& row) {
  std::vector<std::string_view> markers;
  const auto add = [&](std::string_view marker) {
    if (std::find(markers.begin(), markers.end(), marker) == markers.end()) markers.push_back(marker);
  };
  for (std::string_view part : row.parts()) {
    if (!row.loose_markers) add_markers(part, add);
    for (const WordList& words : {row.markers, row.stop_words})
      for (std::string_view word : words)
        if (part.find(word) != part.npos) add(word);
  }
  return markers;
}

}  // namespace fettle
