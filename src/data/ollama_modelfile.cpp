#include "data/ollama_modelfile.h"

#include <fmt/format.h>

#include <algorithm>

namespace fettle {

namespace {
constexpr std::string_view kHole = "{{content}}";
constexpr int64_t kContext = 4096;  // LLaMA-Factory's; Ollama's own of 2048 cuts conversations short

// A template's part with `hole` in the place of the message.
std::string text_of(const ChatTemplate& chat, std::string_view part, std::string_view hole) {
  const Tokenizer& tokenizer = chat.tokenizer();
  std::string out;
  while (const std::optional<TemplateSlot> slot = next_slot(part)) {
    if (slot->kind == TemplateSlot::Kind::bos || slot->kind == TemplateSlot::Kind::eos) {
      const int32_t id = slot->kind == TemplateSlot::Kind::bos ? tokenizer.special().bos : chat.eos();
      if (id >= 0) out += tokenizer.bytes_of(id);
      continue;
    }
    const size_t at = slot->text.find(kHole);
    out += slot->text.substr(0, at);
    if (at != slot->text.npos) out += fmt::format("{}{}", hole, slot->text.substr(at + kHole.size()));
  }
  return out;
}

std::string go_template(const ChatTemplate& chat) {
  const TemplateRow& row = chat.row();
  const std::string prefix = text_of(chat, row.prefix, ""),
                    assistant = text_of(chat, row.assistant_part(), "{{ .Content }}");
  const std::string turns =
      R"({{{{ range .Messages }}}}{{{{ if eq .Role "user" }}}}{}{{{{ else if eq .Role "assistant" }}}}{}{{{{ end }}}}{{{{ end }}}})";
  if (!row.system_in_user)
    return fmt::format("{}{{{{ if .System }}}}{}{{{{ end }}}}", prefix,
                       text_of(chat, row.system, "{{ .System }}")) +
           fmt::format(fmt::runtime(turns), text_of(chat, row.user, "{{ .Content }}"), assistant);
  // The system text stands inside the first message of the user.
  const std::string first = fmt::format(
      "{{{{ if $first }}}}{{{{ $first = false }}}}{{{{ if $.System }}}}{}{{{{ end }}}}{{{{ end }}}}{{{{ "
      ".Content }}}}",
      text_of(chat, row.system, "{{ $.System }}"));
  return prefix + "{{ $first := true }}" +
         fmt::format(fmt::runtime(turns), text_of(chat, row.user, first), assistant);
}
}  // namespace

std::string ollama_modelfile(const ChatTemplate& chat, std::string_view from, int64_t context) {
  std::string out = fmt::format("FROM {}\n\nTEMPLATE \"\"\"{}\"\"\"\n\n", from, go_template(chat));
  if (!chat.default_system().empty()) out += fmt::format("SYSTEM \"\"\"{}\"\"\"\n\n", chat.default_system());
  for (int32_t id : chat.stop_ids())
    out += fmt::format("PARAMETER stop \"{}\"\n", chat.tokenizer().bytes_of(id));
  return out + fmt::format("PARAMETER num_ctx {}\n", std::min(context, kContext));
}

}  // namespace fettle
