#include <fmt/format.h>

#include "data/template_row.h"

namespace fettle {

namespace {

constexpr std::string_view kHead =
    "# Chat templates\n\n"
    "Made by `fettle help --templates`: {} templates by LLaMA-Factory's names, which `template` takes. Where "
    "none\n"
    "is named, it is recognised from the model's own.\n\n"
    "* **tools**: how tool descriptions and calls are written; `tool_format` sets another.\n"
    "* **thoughts**: the word that opens one in a reasoning template; `enable_thinking` and "
    "`preserve_thinking`\n"
    "  say what becomes of them.\n"
    "* **ends**: what closes an answer and stops generation.\n"
    "* **media**: what its models also see or hear. Text trains; a record with media is refused by line.\n\n"
    "| template | tools | thoughts | ends | default system text | media |\n|---|---|---|---|---|---|\n";

/// As code in a table, where a bar would end the cell and a line end the row.
std::string cell(std::string_view text) {
  if (text.empty()) return "";
  std::string out = "`";
  for (const char c : text) {
    if (c == '\n')
      out += "\\n";
    else
      out.append(c == '|' ? "\\" : "").push_back(c);
  }
  return out + "`";
}

std::string ends_of(const TemplateRow& row) {
  std::string ends = row.replace_eos ? "" : "end-of-text";
  for (std::string_view word : row.stop_words) ends += (ends.empty() ? "" : ", ") + cell(word);
  return ends;
}

}  // namespace

std::string templates_markdown() {
  std::string page = fmt::format(fmt::runtime(kHead), template_rows().size());
  for (const TemplateRow* row : template_rows())
    page += fmt::format("| {} | {} | {} | {} | {} | {} |\n", cell(row->name), row->tool_format->name,
                        row->reasoning ? cell(row->thought.open) : "", ends_of(*row),
                        row->default_system.empty() ? "" : "yes", row->media);
  return page;
}

}  // namespace fettle
