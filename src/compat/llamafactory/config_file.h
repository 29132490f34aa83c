// A config file as a flat list of keys, whatever it is written in.
#pragma once

#include <string>
#include <vector>

namespace fettle::llamafactory {

struct ConfigEntry {
  enum class Shape { scalar, list, mapping };
  std::string key;
  Shape shape = Shape::scalar;
  std::vector<std::string> values;  // one for a scalar ("" for null), none for a mapping
  std::string where;                // file:line of the key
};

/// .yaml and .yml, or .json: told by the ending.
bool is_config_file(const std::string& path);

/// Reads the keys in file order. A byte-order mark and CRLF are accepted. Error with file:line for what is
/// not `key: value`, a key that stands twice, a second document, a list of lists.
std::vector<ConfigEntry> read_config_file(const std::string& path);

}  // namespace fettle::llamafactory
