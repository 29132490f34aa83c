#include "base/environment.h"

#include <algorithm>
#include <cstdlib>

namespace fettle {

std::string environment(const char* name) {
  constexpr const char* kBlanks = " \t\r\n";
  const char* value = std::getenv(name);
  const std::string text = value ? value : "";
  const size_t begin = text.find_first_not_of(kBlanks);
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

bool environment_flag(const char* name) {
  std::string text = environment(name);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  for (const char* yes : {"true", "y", "1", "yes", "on"})
    if (text == yes) return true;
  return false;
}

std::filesystem::path environment_path(const char* name) {
  const std::string text = environment(name);
  if (text.starts_with("~/") && !home_folder().empty()) return home_folder() / text.substr(2);
  return text;
}

std::filesystem::path home_folder() {
  return environment("HOME");
}

}  // namespace fettle
