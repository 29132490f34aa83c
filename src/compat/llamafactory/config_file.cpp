#include "compat/llamafactory/config_file.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "format/json_scan.h"
#include "format/records.h"
#include "format/text_encoding.h"

namespace fettle::llamafactory {

namespace {
std::string line_of(const std::string& path, const YAML::Node& node) {
  return fmt::format("{}:{}", path, node.Mark().line + 1);
}

ConfigEntry yaml_entry(const std::string& path, const YAML::Node& key, const YAML::Node& value) {
  ConfigEntry entry{.where = line_of(path, key)};
  if (!key.IsScalar())
    throw Error({.what = "a list or mapping found where a key was expected",
                 .where = entry.where,
                 .hint = "every line is `key: value`"});
  entry.key = key.Scalar();
  if (std::string hint = look_alike_in(entry.key, "YAML"); !hint.empty())
    throw Error(
        {.what = fmt::format("unknown key '{}'", entry.key), .where = entry.where, .hint = std::move(hint)});
  if (value.IsMap()) {
    entry.shape = ConfigEntry::Shape::mapping;
  } else if (value.IsSequence()) {
    entry.shape = ConfigEntry::Shape::list;
    for (const YAML::Node& item : value) {
      if (item.IsMap() || item.IsSequence())
        throw Error({.what = fmt::format("{}: a list of single values expected", entry.key),
                     .where = line_of(path, item),
                     .hint = "for example [a, b]"});
      entry.values.push_back(item.IsNull() ? "" : item.Scalar());
    }
  } else {
    entry.values.push_back(value.IsNull() ? "null" : value.Scalar());
  }
  return entry;
}

// What to do about a document that is no mapping of keys to values.
std::string yaml_hint(const std::string& text, const char* otherwise) {
  constexpr std::string_view kWideColon = "：";  // of a keyboard for Chinese
  int line_number = 1;
  for (size_t begin = 0; begin < text.size(); ++line_number) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line(text.data() + begin, end - begin);
    if (line.find(kWideColon) != line.npos && line.find(": ") == line.npos)
      return fmt::format("line {} has the full-width colon '{}'; YAML wants ': '", line_number, kWideColon);
    begin = end + 1;
  }
  return otherwise;
}

std::vector<ConfigEntry> read_yaml(const std::string& text, const std::string& path) {
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(text);
  } catch (const YAML::Exception& e) {
    throw Error({.what = e.msg,
                 .where = fmt::format("{}:{}:{}", path, e.mark.line + 1, e.mark.column + 1),
                 .hint = yaml_hint(text, e.msg.starts_with("unknown escape character")
                                             ? "within \"…\" a \\ begins an escape: write paths with /"
                                             : "every line is `key: value`; indent with blanks, not with "
                                               "tabs")});
  }
  std::erase_if(documents, [](const YAML::Node& d) { return d.IsNull(); });
  if (documents.empty()) return {};
  if (documents.size() > 1)
    throw Error({.what = "a second document begins here",
                 .where = line_of(path, documents[1]),
                 .hint = "a config is one document: remove the line ---"});
  if (!documents[0].IsMap())
    throw Error({.what = "a list or a single value found, `key: value` lines expected",
                 .where = path,
                 .hint = yaml_hint(text, "see examples/")});
  std::vector<ConfigEntry> entries;
  for (const auto& pair : documents[0]) entries.push_back(yaml_entry(path, pair.first, pair.second));
  return entries;
}

// Texts without their quotes, everything else as typed.
std::string json_scalar(const nlohmann::json& value) {
  return value.is_string() ? value.get<std::string>() : value.is_null() ? "" : value.dump();
}

ConfigEntry json_entry(std::string key, std::string_view extent, std::string where) {
  ConfigEntry entry{.key = std::move(key), .where = std::move(where)};
  const nlohmann::json value = nlohmann::json::parse(extent);
  if (value.is_object()) {
    entry.shape = ConfigEntry::Shape::mapping;
  } else if (value.is_array()) {
    entry.shape = ConfigEntry::Shape::list;
    for (const nlohmann::json& item : value) {
      if (item.is_structured())
        throw Error({.what = fmt::format("{}: a list of single values expected", entry.key),
                     .where = entry.where,
                     .hint = "for example [\"a\", \"b\"]"});
      entry.values.push_back(json_scalar(item));
    }
  } else {
    entry.values.push_back(value.is_number() ? std::string(extent) : json_scalar(value));
  }
  return entry;
}

// The library checks the document; the scanner walks its keys again, because it knows where they stand.
std::vector<ConfigEntry> read_json(const std::string& text, const std::string& path) {
  if (!parse_json_document(text, path).is_object())
    throw Error({.what = "an object of keys and values expected", .where = path});
  JsonScanner scan(text, 0, text.size(), path);
  scan.more();
  scan.advance();  // {
  std::vector<ConfigEntry> entries;
  while (scan.more() && scan.peek() != '}') {
    if (scan.peek() == ',') {
      scan.advance();
      continue;
    }
    const auto line = 1 + std::count(text.begin(), text.begin() + std::ptrdiff_t(scan.at()), '\n');
    std::string key = nlohmann::json::parse(scan.value()).get<std::string>();
    scan.more();
    scan.advance();  // :
    scan.more();
    entries.push_back(json_entry(std::move(key), scan.value(), fmt::format("{}:{}", path, line)));
  }
  return entries;
}

void check(const std::vector<ConfigEntry>& entries) {
  std::set<std::string_view> seen;
  for (const ConfigEntry& entry : entries) {
    if (!seen.insert(entry.key).second)
      throw Error({.what = fmt::format("key '{}' stands here a second time", entry.key),
                   .where = entry.where,
                   .hint = "remove one of them"});
  }
}
}  // namespace

bool is_config_file(const std::string& path) {
  return path.ends_with(".yaml") || path.ends_with(".yml") || path.ends_with(".json");
}

std::vector<ConfigEntry> read_config_file(const std::string& path) {
  std::string text = read_text(path);
  // The YAML library reads UTF-16 too; bytes of GBK it takes for text.
  if (!text.starts_with("\xff\xfe") && !text.starts_with("\xfe\xff"))
    refuse_other_encodings(text, text.size(), path);
  text.erase(0, byte_order_mark(text));  // of Windows' editors
  std::vector<ConfigEntry> entries = path.ends_with(".json") ? read_json(text, path) : read_yaml(text, path);
  check(entries);
  return entries;
}

}  // namespace fettle::llamafactory
