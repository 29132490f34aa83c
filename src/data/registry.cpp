// dataset_info.json: from a dataset's name to the file and the columns it is read by.
#include "data/registry.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "data/data_files.h"
#include "data/detect_format.h"
#include "data/locate.h"
#include "data/registry_rows.h"
#include "data/split.h"
#include "format/records.h"
#include "format/text_encoding.h"

namespace fettle {

namespace {

using nlohmann::json;

/// What the registry's file calls a thing, and what is done with it. `note` says why a key is refused, and
/// what to do.
struct KeyRule {
  std::string_view name;
  enum Use { read, ignored, refused } use;
  std::string_view note = "";
};

constexpr std::string_view kNoHub =
    "data is not fetched from hubs yet; download the file and name it with file_name";

constexpr KeyRule kEntryKeys[] = {
    {"file_name", KeyRule::read},
    {"formatting", KeyRule::read},
    {"ranking", KeyRule::read},
    {"num_samples", KeyRule::read},
    {"columns", KeyRule::read},
    {"tags", KeyRule::read},
    {"subset", KeyRule::ignored, "it names a part of a hub's dataset"},
    {"folder", KeyRule::ignored, "it names a folder of a hub's dataset"},
    {"split", KeyRule::read},
    {"hf_hub_url", KeyRule::refused, kNoHub},
    {"ms_hub_url", KeyRule::refused, kNoHub},
    {"om_hub_url", KeyRule::refused, kNoHub},
    {"cloud_file_name", KeyRule::refused, kNoHub},
    {"script_url", KeyRule::refused,
     "Fettle never runs loading scripts; save the data as JSON and name it with file_name"},
};

/// More than any file holds, and little enough to be counted in 32 bits.
constexpr int64_t kMostSamples = 100'000'000;

std::string did_you_mean(std::string_view wrong, const std::vector<std::string>& names) {
  const std::string near = nearest_name(wrong, names);
  return near.empty() ? fmt::format("known: {}", fmt::join(names, ", "))
                      : fmt::format("did you mean \"{}\"?", near);
}

template <class Row>
std::vector<std::string> names_of(std::span<const Row> rows) {
  std::vector<std::string> names;
  for (const Row& row : rows) names.emplace_back(row.name);
  return names;
}

template <class Row>
const Row* find_row(std::span<const Row> rows, std::string_view name) {
  const auto it = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
  return it == rows.end() ? nullptr : &*it;
}

constexpr std::span<const KeyRule> entry_keys() {
  return kEntryKeys;
}
constexpr std::span<const ColumnRule> column_rules() {
  return kColumns;
}
constexpr std::span<const TagRule> tag_rules() {
  return kTags;
}

std::string wrong_type(std::string_view key, std::string_view wanted, const json& found) {
  return fmt::format("\"{}\" must be {}; {} was found", key, wanted, found.type_name());
}

/// One entry while it is read; `where` names it in every error.
class EntryReader {
 public:
  EntryReader(const json& entry, std::string where, DatasetEntry& out, Listener& listener)
      : entry_(entry), where_(std::move(where)), out_(out), listener_(listener) {}

  void read() {
    if (!entry_.is_object())
      fail(fmt::format("an object {{…}} was expected; {} was found", entry_.type_name()), "");
    check_keys();
    out_.formatting = text("formatting").value_or(out_.formatting);
    check_formatting();
    check_ranking();
    read_num_samples();
    read_split();
    if (const json* columns = given("columns")) read_columns(*columns);
    const RecordFormat& format = *find_row(record_formats(), out_.formatting);
    if (format.conversations) {
      if (const json* tags = given("tags")) read_tags(*tags);
      check_conversation();
    } else if (out_.prompt.empty() && out_.query.empty()) {
      fail("columns names neither prompt nor query, so there is no text to read",
           "add \"prompt\": \"instruction\" (with `columns`, every column in use must be named)");
    }
  }

  std::optional<std::string> text(std::string_view key) const {
    const json* value = given(key);
    if (!value) return std::nullopt;
    if (!value->is_string()) fail(wrong_type(key, "text", *value), "");
    return value->get<std::string>();
  }

  [[noreturn]] void fail(std::string what, std::string hint) const {
    throw Error({.what = std::move(what), .where = where_, .hint = std::move(hint)});
  }

 private:
  /// Null counts as absent, as in LLaMA-Factory.
  const json* given(std::string_view key) const {
    const auto it = entry_.find(key);
    return it == entry_.end() || it->is_null() ? nullptr : &*it;
  }

  void check_keys() const {
    for (const auto& [key, value] : entry_.items()) {
      const KeyRule* rule = find_row(entry_keys(), key);
      if (!rule)
        listener_.warn(fmt::format("{}: the key \"{}\" is not known and changes nothing; {}", where_, key,
                                   did_you_mean(key, names_of(entry_keys()))));
      else if (rule->use == KeyRule::refused && !value.is_null())
        fail(fmt::format("\"{}\" is not supported", key), std::string(rule->note));
      else if (rule->use == KeyRule::ignored && !value.is_null())
        listener_.info(fmt::format("{}: \"{}\" changes nothing here: {}", where_, key, rule->note));
    }
  }

  void read_split() {
    out_.split = text("split").value_or(out_.split);
    try {
      check_split(out_.split);
    } catch (const Error& error) {
      fail(error.parts().what, error.hint());
    }
  }

  void check_formatting() const {
    if (find_row(record_formats(), out_.formatting)) return;
    fail(fmt::format("there is no record format \"{}\"", out_.formatting),
         did_you_mean(out_.formatting, names_of(record_formats())));
  }

  void check_ranking() {
    const json* ranking = given("ranking");
    if (!ranking) return;
    if (!ranking->is_boolean()) fail(wrong_type("ranking", "true or false", *ranking), "");
    out_.ranking = ranking->get<bool>();
    if (out_.ranking)
      fail("ranking: preference data is not applicable to sft and pt",
           "preference training comes in a later version");
  }

  void read_num_samples() {
    const json* count = given("num_samples");
    if (!count) return;
    if (!count->is_number_integer() || *count <= 0 || *count > kMostSamples)
      fail(fmt::format("\"num_samples\" must be a count from 1 to {}; {} was found", kMostSamples,
                       count->dump()),
           "");
    out_.num_samples = count->get<int64_t>();
  }

  /// All or nothing: naming one column un-names all others.
  void read_columns(const json& columns) {
    if (!columns.is_object()) fail(wrong_type("columns", "an object {…}", columns), "");
    for (const ColumnRule& rule : kColumns)
      if (rule.column) (out_.*rule.column).clear();
    for (const auto& [role, column] : columns.items()) {
      const ColumnRule* rule = find_row(column_rules(), role);
      if (!rule)
        fail(fmt::format("columns: there is no role \"{}\"", role),
             column.is_string() && find_row(column_rules(), column.get<std::string>())
                 ? fmt::format("the role stands left, the column right: {}: \"{}\"", column.dump(), role)
                 : did_you_mean(role, names_of(column_rules())));
      if (column.is_null()) continue;
      if (!column.is_string()) fail(wrong_type("columns: " + role, "the name of a column", column), "");
      if (!rule->refused.empty())
        fail(fmt::format("columns: \"{}\" is not supported", role), std::string(rule->refused));
      if (rule->column) out_.*rule->column = column.get<std::string>();
    }
    out_.columns_named = true;
  }

  /// All or nothing, as columns.
  void read_tags(const json& tags) {
    if (!tags.is_object()) fail(wrong_type("tags", "an object {…}", tags), "");
    for (const TagRule& rule : kTags) (out_.tags.*rule.word).clear();
    for (const auto& [name, word] : tags.items()) {
      const TagRule* rule = find_row(tag_rules(), name);
      if (!rule)
        fail(fmt::format("tags: there is no \"{}\"", name), did_you_mean(name, names_of(tag_rules())));
      if (word.is_null()) continue;
      if (!word.is_string()) fail(wrong_type("tags: " + name, "text", word), "");
      out_.tags.*rule->word = word.get<std::string>();
    }
  }

  /// What no record could be read without.
  void check_conversation() const {
    if (out_.messages.empty())
      fail("columns does not name the messages, so there is no conversation to read",
           "add \"messages\": \"conversations\" (with `columns`, every column in use must be named)");
    const MessageTags& tags = out_.tags;
    const auto need = [&](std::string_view name, bool there, std::string_view usual) {
      if (!there)
        fail(fmt::format("tags names no {}, so that no message can be read", name),
             fmt::format("add \"{}\": \"{}\" (with `tags`, every tag in use must be named)", name, usual));
    };
    need("role_tag", !tags.role.empty(), "from");
    need("content_tag", !tags.content.empty(), "value");
    need("user_tag", !tags.user.empty() || !tags.observation.empty(), "human");
    need("assistant_tag", !tags.assistant.empty() || !tags.function.empty(), "gpt");
  }

  const json& entry_;
  std::string where_;
  DatasetEntry& out_;
  Listener& listener_;
};

/// LLaMA-Factory looks below dataset_dir only. Many registries repeat the folder ("data/x.json" below data/):
/// such a file is taken where it lies, and said.
std::filesystem::path locate_file(const std::filesystem::path& dataset_dir, const std::string& file_name,
                                  const EntryReader& entry, const std::string& name, Listener& listener) {
  const std::filesystem::path below = dataset_dir / file_name, as_written = file_name;
  const auto found = locate({below, as_written});
  if (!found)
    entry.fail(fmt::format("the file {} of dataset \"{}\" was not found", printable(file_name), name),
               (below == as_written
                    ? fmt::format("tried {}", printable(below.string()))
                    : fmt::format("tried {} (file_name is looked for in dataset_dir) and {} (from the "
                                  "working folder)",
                                  printable(below.string()), printable(as_written.string()))) +
                   windows_hint(file_name));
  if (*found != below)
    listener.info(
        fmt::format("dataset {}: {} does not exist; reading {}{}", name, below.string(), found->string(),
                    file_name.find('\\') == file_name.npos
                        ? " from the working folder (file_name is meant to be relative to dataset_dir)"
                        : " (paths are written with / here)"));
  return *found;
}

json read_registry(const std::filesystem::path& dataset_dir, const std::filesystem::path& path) {
  const std::string dir = dataset_dir.string();
  if (dir == "ONLINE" || dir.starts_with("REMOTE:"))
    throw Error({.what = fmt::format("dataset_dir: {} names data on a hub", dir),
                 .where = "dataset_dir",
                 .hint = std::string(kNoHub)});
  if (!std::filesystem::exists(path))
    throw Error({.what = "the file was not found",
                 .where = path.string(),
                 .hint = "set dataset_dir to the folder that holds dataset_info.json"});
  json registry = parse_json_document(read_text(path), path.string());
  if (!registry.is_object())
    throw Error({.what = fmt::format("an object {{\"name\": {{…}}}} was expected; {} was found",
                                     registry.type_name()),
                 .where = path.string(),
                 .hint = ""});
  return registry;
}

/// The nearest name, and what there is in the folder that was searched.
std::string registered(const std::string& wrong, const json& registry,
                       const std::filesystem::path& dataset_dir) {
  constexpr size_t kMostNamed = 20;
  std::vector<std::string> names;
  for (const auto& item : registry.items()) names.push_back(item.key());
  const std::string near = nearest_name(wrong, names);
  const size_t more = names.size() - std::min(names.size(), kMostNamed);
  names.resize(names.size() - more);
  return fmt::format("{}dataset_dir {} registers {}{}",
                     near.empty() ? "" : fmt::format("did you mean \"{}\"? ", near),
                     std::filesystem::absolute(dataset_dir).lexically_normal().string(),
                     names.empty() ? "nothing" : fmt::format("{}", fmt::join(names, ", ")),
                     more > 0 ? fmt::format(" and {} more", more) : "");
}

/// What to do about a name that is a path without a file, several names, or the name of a folder; the rest of
/// a hint.
std::string path_hint(const std::string& name, const std::filesystem::path& dataset_dir) {
  if (const std::string hint = look_alike_in(name, "a list"); !hint.empty()) return "; " + hint;
  if (is_data_path(name))
    return fmt::format("; as a path {} and {} were tried{}", printable(name),
                       printable((dataset_dir / name).string()), windows_hint(name));
  std::error_code ignored;
  return std::filesystem::is_directory(name, ignored)
             ? fmt::format("; the folder of that name is read as ./{}", name)
             : "";
}

}  // namespace

DatasetEntry find_dataset(const std::filesystem::path& dataset_dir, const std::string& name,
                          Listener& listener) {
  const std::filesystem::path path = dataset_dir / "dataset_info.json";
  const bool may_be_path = is_data_path(name);
  json registry = json::object();
  if (!may_be_path || std::filesystem::exists(path)) registry = read_registry(dataset_dir, path);
  const auto found = registry.find(name);
  if (found == registry.end()) {
    if (may_be_path)
      if (const auto file = locate({name, dataset_dir / name})) return detect_dataset(name, *file, listener);
    throw Error(
        {.what = fmt::format("there is no dataset{} \"{}\"", may_be_path ? " or file" : "", printable(name)),
         .where = path.string(),
         .hint = registered(name, registry, dataset_dir) + path_hint(name, dataset_dir)});
  }
  DatasetEntry entry;
  entry.name = name;
  EntryReader reader(*found, fmt::format("{}, dataset {}", path.string(), name), entry, listener);
  reader.read();
  const std::optional<std::string> file_name = reader.text("file_name");
  if (!file_name || file_name->empty())
    reader.fail("\"file_name\" is missing", "name the data file, relative to dataset_dir");
  entry.file = locate_file(dataset_dir, *file_name, reader, name, listener);
  entry.files = data_files(entry.file, name, listener);
  return entry;
}

}  // namespace fettle
