// Words after a verb, YAML and JSON files → OptionSet.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "compat/llamafactory/front.h"
#include "format/records.h"

namespace fettle::llamafactory {

namespace {
bool extra_allowed() {
  const char* value = std::getenv("ALLOW_EXTRA_ARGS");
  const std::string text = value ? value : "";
  return text.starts_with("1") || text.starts_with("true") || text.starts_with("y");
}

class Parser {
 public:
  explicit Parser(Listener& listener) : options_(option_groups()), listener_(listener) {}

  void set(const std::string& key, const std::string& text, const std::string& where) {
    if (skip(key, where)) return;
    options_.set(key, text, where);
  }
  void set_list(const std::string& key, std::vector<std::string> items, const std::string& where) {
    if (skip(key, where)) return;
    options_.set_list(key, std::move(items), where);
  }
  const OptionRow* find(std::string name) const {
    std::replace(name.begin(), name.end(), '-', '_');
    return options_.find(name);
  }

  void read_yaml(const std::string& path);
  void read_json(const std::string& path);
  void read_overrides(std::span<const std::string> words);
  void read_flags(std::span<const std::string> words);
  OptionSet finish() { return std::move(options_); }

 private:
  bool skip(const std::string& key, const std::string& where) {
    if (find(key) || !extra_allowed()) return false;
    listener_.warn(fmt::format("{}: unknown key '{}' ignored (ALLOW_EXTRA_ARGS)", where, key));
    return true;
  }

  OptionSet options_;
  Listener& listener_;
};

[[noreturn]] void interpolation(const std::string& key, const std::string& where) {
  throw Error({.what = fmt::format("{}: ${{…}} interpolation is not there yet", key),
               .where = where,
               .hint = "write the value out"});
}

void Parser::read_yaml(const std::string& path) {
  std::string text = read_text(path);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // a byte-order mark from Windows editors
  YAML::Node root;
  try {
    root = YAML::Load(text);
  } catch (const YAML::Exception& e) {
    throw Error({.what = e.msg,
                 .where = fmt::format("{}:{}:{}", path, e.mark.line + 1, e.mark.column + 1),
                 .hint = "every line is `key: value`; indent with blanks, not with tabs"});
  }
  if (root.IsNull()) return;
  if (!root.IsMap())
    throw Error({.what = "a list or a single value found, `key: value` lines expected",
                 .where = path,
                 .hint = "see examples/"});
  std::set<std::string> seen;
  for (const auto& pair : root) {
    const std::string key = pair.first.as<std::string>();
    const std::string where = fmt::format("{}:{}", path, pair.first.Mark().line + 1);
    if (!seen.insert(key).second)
      throw Error({.what = fmt::format("key '{}' stands here a second time", key),
                   .where = where,
                   .hint = "remove one of them"});
    const YAML::Node& value = pair.second;
    if (value.IsSequence()) {
      set_list(key, value.as<std::vector<std::string>>(), where);
    } else if (value.IsMap()) {
      throw Error(
          {.what = fmt::format("{}: a nested mapping found, a single value expected", key), .where = where});
    } else {
      const std::string scalar = value.IsNull() ? "" : value.Scalar();
      if (scalar.find("${") != std::string::npos) interpolation(key, where);
      set(key, scalar, where);
    }
  }
}

void Parser::read_json(const std::string& path) {
  const nlohmann::json doc = parse_json_document(read_text(path), path);
  if (!doc.is_object()) throw Error({.what = "an object of keys and values expected", .where = path});
  for (const auto& [key, value] : doc.items()) {
    if (value.is_array()) {
      std::vector<std::string> items;
      for (const auto& item : value)
        items.push_back(item.is_string() ? item.get<std::string>() : item.dump());
      set_list(key, std::move(items), path);
    } else if (value.is_object()) {
      throw Error(
          {.what = fmt::format("{}: a nested object found, a single value expected", key), .where = path});
    } else {
      set(key, value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump(), path);
    }
  }
}

void Parser::read_overrides(std::span<const std::string> words) {
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (word.starts_with("-") || equals == std::string::npos || equals == 0)
      throw Error(
          {.what = fmt::format("'{}' found after the config file, key=value expected", word),
           .where = "command line",
           .hint = "for example learning_rate=1e-4; the form --key value goes without a config file"});
    std::string value = word.substr(equals + 1);
    if (value.size() >= 2 && value.front() == '[' && value.back() == ']')
      value = value.substr(1, value.size() - 2);
    set(word.substr(0, equals), value, "command line");
  }
}

void Parser::read_flags(std::span<const std::string> words) {
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (!word.starts_with("--") || word.size() == 2)
      throw Error({.what = fmt::format("'{}' found, --key value expected", word),
                   .where = "command line",
                   .hint = "a config file comes first and ends in .yaml, .yml or .json"});
    std::string key = word.substr(2);
    if (const size_t equals = key.find('='); equals != std::string::npos) {
      set(key.substr(0, equals), key.substr(equals + 1), "command line");
      continue;
    }
    if (key.starts_with("no_") || key.starts_with("no-")) {
      const OptionRow* row = find(key.substr(3));
      if (row && row->type == OptionType::boolean) {
        set(key.substr(3), "false", "command line");
        continue;
      }
    }
    std::vector<std::string> values;
    // A negative number is a value, not a flag.
    const auto is_value = [](const std::string& w) {
      return !w.starts_with("-") || (w.size() > 1 && std::isdigit(w[1]));
    };
    while (i + 1 < words.size() && is_value(words[i + 1])) values.push_back(words[++i]);
    const OptionRow* row = find(key);
    if (values.empty() && row && row->type == OptionType::boolean) values.push_back("true");
    if (values.empty() && row)
      throw Error({.what = fmt::format("--{} has no value", key),
                   .where = "command line",
                   .hint = std::string(row->help)});
    if (values.size() > 1 && row && row->type != OptionType::list)
      throw Error({.what = fmt::format("--{} takes one value, {} found", key, values.size()),
                   .where = "command line",
                   .hint = "put quotes around a value with blanks"});
    if (values.size() > 1) {
      set_list(key, std::move(values), "command line");
    } else {
      set(key, values.empty() ? "" : values[0], "command line");
    }
  }
}

bool has_ending(const std::string& word, std::initializer_list<const char*> endings) {
  for (const char* e : endings)
    if (word.ends_with(e)) return true;
  return false;
}
}  // namespace

OptionSet parse_arguments(std::span<const std::string> words, Listener& listener) {
  Parser parser(listener);
  if (!words.empty() && has_ending(words[0], {".yaml", ".yml"})) {
    parser.read_yaml(words[0]);
    parser.read_overrides(words.subspan(1));
  } else if (!words.empty() && has_ending(words[0], {".json"})) {
    parser.read_json(words[0]);
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
