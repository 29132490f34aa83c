#include "data/locate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "format/records.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

bool has_drive(const std::string& path) {
  return path.size() > 2 && std::isalpha(static_cast<unsigned char>(path[0])) && path[1] == ':' &&
         (path[2] == '\\' || path[2] == '/');
}

std::string with_slashes(std::string path) {
  std::ranges::replace(path, '\\', '/');
  return path;
}

/// What JSON makes of a single \ before a letter.
struct Escape {
  char character;
  std::string_view written;
};
constexpr Escape kEscapes[] = {{'\n', "\\n"}, {'\t', "\\t"}, {'\r', "\\r"}, {'\b', "\\b"}, {'\f', "\\f"}};

}  // namespace

std::optional<fs::path> locate(std::initializer_list<fs::path> places) {
  std::error_code ignored;  // a name too long for the system is not there
  for (const fs::path& place : places)
    if (fs::exists(place, ignored)) return place;
  for (const fs::path& place : places)
    if (const fs::path other = with_slashes(place.string()); fs::exists(other, ignored)) return other;
  return std::nullopt;
}

bool is_data_path(const std::string& name) {
  return name.find_first_of("/\\") != name.npos || reader_of(name) != nullptr;
}

std::string windows_hint(const std::string& path) {
  const bool escaped = printable(path) != path;
  if (has_drive(path))
    return fmt::format("; a drive of Windows is not known here: under WSL {}:/ is /mnt/{}/", path[0],
                       char(std::tolower(static_cast<unsigned char>(path[0]))));
  if (escaped) return "; in JSON a \\ before a letter is a control character: write the path with /";
  return path.find('\\') == path.npos ? "" : "; write the path with /, not with \\";
}

std::string printable(const std::string& path) {
  std::string out;
  for (char c : path) {
    const auto escape = std::ranges::find(kEscapes, c, &Escape::character);
    if (escape == std::end(kEscapes))
      out += c;
    else
      out += escape->written;
  }
  return out;
}

}  // namespace fettle
