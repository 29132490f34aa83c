#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "app/init.h"
#include "base/utf8.h"

namespace fettle::app {

namespace {
/// As a YAML scalar: plain where it reads as itself.
std::string scalar(const std::string& value) {
  const bool plain =
      !value.empty() && value.back() != ':' &&
      std::ranges::all_of(value,
                          [](unsigned char c) {
                            return c >= 0x80 || std::isalnum(c) ||
                                   std::string_view("_./:+-,").find(char(c)) != std::string_view::npos;
                          }) &&
      value.front() != '-' && value.front() != ',';
  if (plain) return value;
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}
}  // namespace

std::string yaml_of(const std::string& head, const std::vector<ConfigLine>& lines) {
  constexpr size_t kWidest = 48;  // a longer value pushes its own comment alone
  size_t column = 0;
  std::vector<std::string> written;
  for (const ConfigLine& line : lines) {
    written.push_back(line.value.empty() ? fmt::format("\n### {}", line.key)
                                         : fmt::format("{}: {}", line.key, scalar(line.value)));
    if (written.back().size() <= kWidest) column = std::max(column, written.back().size());
  }
  std::string text = fmt::format("# {}\n", head);
  for (size_t i = 0; i < lines.size(); ++i)
    text += lines[i].comment.empty() ? written[i] + "\n"
                                     : fmt::format("{:<{}}  # {}\n", written[i], column, lines[i].comment);
  return text;
}

}  // namespace fettle::app
