// Words after a verb → OptionSet.
#include <algorithm>

#include "base/environment.h"
#include "base/error.h"
#include "compat/llamafactory/config_file.h"
#include "compat/llamafactory/front.h"
#include "compat/llamafactory/interpolation.h"

namespace fettle::llamafactory {

namespace {
constexpr const char* kCommandLine = "command line";

class Parser {
 public:
  explicit Parser(Listener& listener) : options_(option_groups()), listener_(listener) {}

  /// What ${…} stands for: the file's values, and those that override them.
  void read_scalars(const std::vector<ConfigEntry>& entries, std::span<const std::string> words);
  void read_file(std::vector<ConfigEntry> entries);
  /// Behind a config file: key=value, and --key value as well.
  void read_overrides(std::span<const std::string> words);
  void read_flags(std::span<const std::string> words);
  OptionSet finish() { return std::move(options_); }

 private:
  const OptionRow* find(std::string name) const {
    std::replace(name.begin(), name.end(), '-', '_');
    return options_.find(name);
  }
  void set(const std::string& key, const std::string& text, const std::string& where) {
    if (!skip(key, where)) options_.set(key, text, where);
  }
  void set_list(const std::string& key, const std::vector<std::string>& items, const std::string& where) {
    if (!skip(key, where)) options_.set_list(key, items, where);
  }
  void read_override(const std::string& word);
  void set_flag(const std::string& key, std::vector<std::string> values);
  bool skip(const std::string& key, const std::string& where) {
    if (find(key) || !environment_flag("ALLOW_EXTRA_ARGS")) return false;
    listener_.warn(fmt::format("{}: unknown key '{}' ignored (ALLOW_EXTRA_ARGS)", where, key));
    return true;
  }

  OptionSet options_;
  Scalars scalars_;
  Listener& listener_;
};

void Parser::read_scalars(const std::vector<ConfigEntry>& entries, std::span<const std::string> words) {
  for (const ConfigEntry& entry : entries) {
    if (entry.shape == ConfigEntry::Shape::scalar) scalars_[entry.key] = entry.values.front();
  }
  for (const std::string& word : words) {
    if (const size_t equals = word.find('='); equals != std::string::npos && !word.starts_with("-"))
      scalars_[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

void Parser::read_file(std::vector<ConfigEntry> entries) {
  for (ConfigEntry& entry : entries) {
    for (std::string& value : entry.values) value = interpolated(entry.key, value, scalars_, entry.where);
    if (entry.shape == ConfigEntry::Shape::list) {
      set_list(entry.key, entry.values, entry.where);
    } else if (entry.shape == ConfigEntry::Shape::scalar) {
      set(entry.key, entry.values.front(), entry.where);
    } else {
      // Mappings belong to keys that do nothing here; what those say about themselves says more.
      const OptionRow* row = find(entry.key);
      if (row && row->state == OptionState::works)
        throw Error({.what = fmt::format("{}: a nested mapping found, a single value expected", entry.key),
                     .where = entry.where,
                     .hint = std::string(row->help)});
      set(entry.key, "{…}", entry.where);
    }
  }
}

void Parser::read_overrides(std::span<const std::string> words) {
  const auto ends_flag = [](const std::string& w) {
    return w.starts_with("--") || w.find('=') != std::string::npos;
  };
  for (size_t i = 0; i < words.size();) {
    size_t end = i + 1;
    if (words[i].starts_with("--")) {
      while (end < words.size() && !ends_flag(words[end])) ++end;
      read_flags(words.subspan(i, end - i));
    } else {
      read_override(words[i]);
    }
    i = end;
  }
}

void Parser::read_override(const std::string& word) {
  const size_t equals = word.find('=');
  if (word.starts_with("-") || equals == std::string::npos || equals == 0)
    throw Error({.what = fmt::format("'{}' found after the config file, key=value expected", word),
                 .where = kCommandLine,
                 .hint = "for example learning_rate=1e-4, or --learning_rate 1e-4"});
  const std::string key = word.substr(0, equals);
  std::string value = interpolated(key, word.substr(equals + 1), scalars_, kCommandLine);
  const OptionRow* row = find(key);
  if (row && row->type == OptionType::list && value.starts_with('[') && value.ends_with(']'))
    value = value.substr(1, value.size() - 2);
  set(key, value, kCommandLine);
}

// A negative number is a value, not a flag.
bool is_value(const std::string& word) {
  return !word.starts_with("-") ||
         (word.size() > 1 && (word[1] == '.' || (word[1] >= '0' && word[1] <= '9')));
}

void Parser::read_flags(std::span<const std::string> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with("--") || word.size() == 2)
      throw Error({.what = fmt::format("'{}' found, --key value expected", word),
                   .where = kCommandLine,
                   .hint = "a config file comes first and ends in .yaml, .yml or .json"});
    std::string key = word.substr(2);
    if (const size_t equals = key.find('='); equals != std::string::npos) {
      set(key.substr(0, equals), key.substr(equals + 1), kCommandLine);
      continue;
    }
    std::vector<std::string> values;
    while (i + 1 < words.size() && is_value(words[i + 1])) values.push_back(words[++i]);
    set_flag(key, std::move(values));
  }
}

void Parser::set_flag(const std::string& key, std::vector<std::string> values) {
  const OptionRow* row = find(key);
  if (!row && values.empty() && (key.starts_with("no_") || key.starts_with("no-"))) {
    const OptionRow* negated = find(key.substr(3));
    if (negated && negated->type == OptionType::boolean) return set(key.substr(3), "false", kCommandLine);
  }
  if (values.empty() && row && row->type == OptionType::boolean) values.push_back("true");
  if (values.empty() && row)
    throw Error({.what = fmt::format("--{} has no value", key),
                 .where = kCommandLine,
                 .hint = std::string(row->help)});
  if (values.size() > 1 && row && row->type != OptionType::list)
    throw Error({.what = fmt::format("--{} takes one value, {} found", key, values.size()),
                 .where = kCommandLine,
                 .hint = "put quotes around a value with blanks"});
  if (values.size() > 1) return set_list(key, values, kCommandLine);
  set(key, values.empty() ? "" : values[0], kCommandLine);
}
}  // namespace

OptionSet parse_arguments(std::span<const std::string> words, Listener& listener) {
  Parser parser(listener);
  if (!words.empty() && is_config_file(words[0])) {
    std::vector<ConfigEntry> entries = read_config_file(words[0]);
    parser.read_scalars(entries, words.subspan(1));
    parser.read_file(std::move(entries));
    parser.read_overrides(words.subspan(1));
  } else {
    parser.read_flags(words);
  }
  OptionSet options = parser.finish();
  for (const OptionRow* row : options.without_effect())
    listener.info(fmt::format("{} has no effect: {}", row->name, row->note));
  return options;
}

}  // namespace fettle::llamafactory
