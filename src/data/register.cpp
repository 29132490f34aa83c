#include "data/register.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "data/registry_rows.h"
#include "format/records.h"

namespace fettle {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

namespace {

constexpr const char* kFileName = "file_name";
constexpr std::string_view kBlanks = " \t\r\n";

/// `"name": {…}`, indented as a member of the registry.
std::string member(const std::string& name, const ordered_json& entry) {
  std::string text;
  for (const char c : entry.dump(2, ' ', /*ensure_ascii=*/false))
    text += c == '\n' ? "\n  " : std::string(1, c);
  return fmt::format("\n  {}: {}\n", ordered_json(name).dump(-1, ' ', false), text);
}

/// The text of an object with a member more, behind the others.
std::string with_member(std::string text, const std::string& added) {
  const size_t end = text.rfind('}'), last = text.find_last_not_of(kBlanks, end - 1);
  text.replace(last + 1, end - last - 1, (text[last] == '{' ? "" : ",") + added);
  return text;
}

}  // namespace

ordered_json registry_entry(const DatasetEntry& entry, const std::string& file_name) {
  const bool conversations = format_of(entry).conversations;
  ordered_json out = {{kFileName, file_name}};
  if (entry.formatting != DatasetEntry().formatting) out["formatting"] = entry.formatting;
  for (const ColumnRule& rule : kColumns)
    if (rule.column && !(entry.*rule.column).empty()) out["columns"][rule.name] = entry.*rule.column;
  for (const TagRule& rule : kTags)
    if (conversations && !(entry.tags.*rule.word).empty()) out["tags"][rule.name] = entry.tags.*rule.word;
  return out;
}

std::string register_dataset(const fs::path& dataset_dir, const std::string& name,
                             const ordered_json& entry) {
  const fs::path path = dataset_dir / "dataset_info.json";
  const std::string text = fs::exists(path) ? read_text(path) : "{}\n";
  nlohmann::json registry = parse_json_document(text, path.string());
  if (!registry.is_object())
    throw Error({.what = fmt::format("an object {{\"name\": {{…}}}} was expected; {} was found",
                                     registry.type_name()),
                 .where = path.string()});
  for (const auto& [known, value] : registry.items())
    if (value.is_object() && value.contains(kFileName) && value[kFileName] == entry[kFileName]) return known;
  std::string free = name;
  for (int n = 2; registry.contains(free); ++n) free = fmt::format("{}_{}", name, n);
  const std::string grown = with_member(text, member(free, entry));
  registry[free] = nlohmann::json::parse(entry.dump());
  FETTLE_CHECK(parse_json_document(grown, path.string()) == registry, "{} would change", path.string());
  if (!dataset_dir.empty()) fs::create_directories(dataset_dir);
  write_atomic(path, grown);
  return free;
}

}  // namespace fettle
