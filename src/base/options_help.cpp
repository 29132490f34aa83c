// --help and the docs page, from the option table.
#include "base/error.h"
#include "base/options.h"
#include "base/utf8.h"

namespace fettle {

namespace {
std::string_view state_name(OptionState state) {
  switch (state) {
    case OptionState::works:
      return "works";
    case OptionState::no_effect:
      return "no effect";
    case OptionState::refused:
      return "refused";
    case OptionState::later:
      return "later";
  }
  return "";
}

std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "bool";
    case OptionType::integer:
      return "int";
    case OptionType::number:
      return "float";
    case OptionType::text:
      return "text";
    case OptionType::list:
      return "list";
  }
  return "";
}

void append_wrapped(std::string& out, std::string_view text, int indent, int width) {
  int column = indent;
  bool first = true;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(' ', begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    const int needed = display_width(word) + (first ? 0 : 1);
    if (!first && column + needed > width) {
      out += "\n" + std::string(size_t(indent), ' ');
      column = indent;
      first = true;
    }
    if (!first) out += ' ';
    out += word;
    column += display_width(word) + (first ? 0 : 1);
    first = false;
    begin = end + 1;
  }
  out += "\n";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}
}  // namespace

std::string options_help(std::span<const OptionGroup> groups, int width) {
  constexpr int kIndent = 6;
  std::string out;
  for (const OptionGroup& g : groups) {
    out += fmt::format("{}\n", g.title);
    for (const OptionRow& r : g.rows) {
      out += fmt::format("  {} ({}{}{})\n", r.name, r.range.empty() ? type_name(r.type) : r.range,
                         r.preset.empty() ? "" : fmt::format(", default {}", r.preset),
                         r.state == OptionState::works ? "" : fmt::format("; {}", state_name(r.state)));
      out += std::string(kIndent, ' ');
      append_wrapped(out,
                     r.note.empty() ? std::string(r.help)
                                    : fmt::format("{} [{}: {}]", r.help, state_name(r.state), r.note),
                     kIndent, width);
    }
    out += "\n";
  }
  return out;
}

std::string options_markdown(std::span<const OptionGroup> groups) {
  std::string out =
      "# Options\n\nMade by `fettle help --markdown` from the option table; do not edit. *works*: does what "
      "LLaMA-Factory's "
      "documentation says; *no effect*: accepted and said once; *refused* and *later*: an error by name.\n";
  for (const OptionGroup& g : groups) {
    out += fmt::format(
        "\n## {}\n\n| key | type | default | range | state | what it does |\n|---|---|---|---|---|---|\n",
        g.title);
    for (const OptionRow& r : g.rows)
      out += fmt::format("| `{}` | {} | {} | {} | {} | {}{} |\n", r.name, type_name(r.type),
                         escaped(r.preset), escaped(r.range), state_name(r.state), escaped(r.help),
                         r.note.empty() ? "" : fmt::format(" *{}*", escaped(r.note)));
  }
  return out;
}

}  // namespace fettle
