#include "data/detect_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/error.h"
#include "data/data_files.h"
#include "data/record_formats.h"

namespace fettle {

namespace {

constexpr size_t kLookedAt = 32;  // records

/// What a column is called where nobody says what it is; the first that is there counts.
struct ColumnWords {
  std::string_view role;
  std::string DatasetEntry::*column;
  std::vector<std::string_view> words;
};
const ColumnWords kInstruction[] = {
    {"prompt", &DatasetEntry::prompt, {"instruction", "prompt", "question", "query"}},
    {"query", &DatasetEntry::query, {"input", "context"}},
    {"response", &DatasetEntry::response, {"output", "response", "answer", "completion"}},
    {"history", &DatasetEntry::history, {"history"}},
    {"system", &DatasetEntry::system, {"system", "system_prompt"}},
};
const ColumnWords kText[] = {{"prompt", &DatasetEntry::prompt, {"text", "content", "document"}}};
const ColumnWords kBesideMessages[] = {{"system", &DatasetEntry::system, {"system", "system_prompt"}},
                                       {"tools", &DatasetEntry::tools, {"tools"}}};

/// What other stages learn from.
struct LaterColumn {
  std::string_view column, what;
};
constexpr LaterColumn kLater[] = {
    {"chosen", "preference data comes"},
    {"rejected", "preference data comes"},
    {"kto_tag", "preference data comes"},
    {"images", "images come"},
    {"image", "images come"},
    {"videos", "video comes"},
    {"audios", "sound comes"},
};

/// The two ways of writing a message, with their usual words.
const MessageTags kMessageStyles[] = {
    {.role = "from", .content = "value"},
    {.role = "role", .content = "content", .user = "user", .assistant = "assistant", .observation = "tool"},
};
struct RoleWords {
  std::string MessageTags::*word;
  std::vector<std::string_view> words;
};
const RoleWords kRoleWords[] = {
    {&MessageTags::user, {"human", "user"}},
    {&MessageTags::assistant, {"gpt", "assistant", "model", "bot"}},
    {&MessageTags::observation, {"observation", "tool"}},
};

class Detector {
 public:
  Detector(DatasetEntry& entry, std::vector<Record> records) : entry_(entry), records_(std::move(records)) {
    for (const Record& record : records_)
      for (const auto& [column, value] : record.items())
        if (!columns_.contains(column) || columns_[column].is_null()) columns_[column] = value;
  }

  void detect() {
    refuse_later();
    clear_columns();
    if (!is_conversation() && !is_instruction() && !named(kText, "prompt")) refuse();
  }

  /// "sharegpt (messages: …)": what was told.
  std::string told() const {
    if (format_of(entry_).conversations) {
      std::string text =
          fmt::format("{} (messages: {}; {}/{}, by {} and {}{}{})", entry_.formatting, entry_.messages,
                      entry_.tags.role, entry_.tags.content, entry_.tags.user, entry_.tags.assistant,
                      beside("system", entry_.system), beside("tools", entry_.tools));
      if (entry_.formatting == "openai")
        text += "; as in LLaMA-Factory, system texts without tools get the line \"detailed thinking off\"";
      return text;
    }
    if (entry_.response.empty()) return fmt::format("texts to pre-train on (prompt: {})", entry_.prompt);
    std::vector<std::string> columns;
    for (const ColumnWords& row : kInstruction)
      if (const std::string& column = entry_.*row.column; !column.empty())
        columns.push_back(fmt::format("{}: {}", row.role, column));
    return fmt::format("alpaca ({})", fmt::join(columns, ", "));
  }

 private:
  static std::string beside(std::string_view role, const std::string& column) {
    return column.empty() ? "" : fmt::format("; {}: {}", role, column);
  }

  void refuse_later() const {
    for (const LaterColumn& later : kLater) {
      const auto it = columns_.find(later.column);
      if (it == columns_.end() || it->is_null() || (it->is_array() && it->empty())) continue;
      throw Error(
          {.what = fmt::format("the records have \"{}\": {} in a later version", later.column, later.what),
           .where = entry_.file.string(),
           .hint = "to train on the rest of each record, register the file in dataset_info.json and "
                   "name the columns to use in `columns`"});
    }
  }

  void clear_columns() {
    for (const ColumnWords& row : kInstruction) (entry_.*row.column).clear();
    entry_.messages.clear();
  }

  /// Sets every column that is there under one of its words; true when `needed` is.
  bool named(std::span<const ColumnWords> rows, std::string_view needed) {
    bool found = false;
    for (const ColumnWords& row : rows)
      for (std::string_view word : row.words) {
        if (!columns_.contains(word)) continue;
        entry_.*row.column = word;
        found = found || row.role == needed;
        break;
      }
    return found;
  }

  bool is_instruction() {
    const bool answered = named(kInstruction, "response");
    if (answered && !(entry_.prompt.empty() && entry_.query.empty())) return true;
    clear_columns();
    return false;
  }

  bool is_conversation() {
    for (const auto& [column, value] : columns_.items())
      for (const MessageTags& style : kMessageStyles) {
        if (!value.is_array() || value.empty() || !value[0].is_object() || !value[0].contains(style.role))
          continue;
        entry_.formatting = "sharegpt";
        entry_.messages = column;
        entry_.tags = style;
        read_roles();
        named(kBesideMessages, "");
        if (!entry_.tools.empty() && columns_[entry_.tools].is_structured()) entry_.formatting = "openai";
        return true;
      }
    return false;
  }

  /// The words for roles that the messages use; those that none uses keep the style's.
  void read_roles() {
    std::set<std::string> seen;
    for (const Record& record : records_) {
      const auto list = record.find(entry_.messages);
      if (list == record.end() || !list->is_array()) continue;
      for (const Record& message : *list) {
        if (!message.is_object()) continue;
        const auto role = message.find(entry_.tags.role), calls = message.find("tool_calls");
        if (role != message.end() && role->is_string()) seen.insert(role->get<std::string>());
        if (calls != message.end() && calls->is_array() && !calls->empty()) entry_.formatting = "openai";
      }
    }
    for (const RoleWords& row : kRoleWords)
      for (std::string_view word : row.words)
        if (seen.contains(std::string(word))) {
          entry_.tags.*row.word = word;
          break;
        }
  }

  [[noreturn]] void refuse() const {
    std::vector<std::string> names;
    for (const auto& item : columns_.items()) names.push_back(item.key());
    throw Error(
        {.what = fmt::format("what the records are cannot be told from their columns: {}",
                             fmt::join(names, ", ")),
         .where = entry_.file.string(),
         .hint = "told are instruction and output, lists of messages, and text; register the file in "
                 "dataset_info.json and name its columns: {\"my_data\": {\"file_name\": \"…\", \"columns\": "
                 "{\"prompt\": \"…\", \"response\": \"…\"}}}"});
  }

  DatasetEntry& entry_;
  std::vector<Record> records_;
  Record columns_ = Record::object();  // every column of the records, with its first value that is not null
};

std::vector<Record> first_records(const DatasetEntry& entry) {
  std::vector<Record> records;
  for (const std::filesystem::path& file : entry.files) {
    if (records.size() == kLookedAt) break;
    read_records(file, [&](Record&& record, const RecordPlace& place) {
      if (const std::string reason = not_an_object(record); !reason.empty())
        throw Error({.what = reason, .where = fmt::format("{}:{}", file.string(), place.line)});
      records.push_back(std::move(record));
      return records.size() < kLookedAt;
    });
  }
  if (records.empty())
    throw Error({.what = "the file holds no records",
                 .where = entry.file.string(),
                 .hint = "write at least one record, or name another file"});
  return records;
}

}  // namespace

DatasetEntry detect_dataset(const std::string& name, const std::filesystem::path& file, Listener& listener) {
  DatasetEntry entry;
  entry.name = name;
  entry.file = file;
  entry.files = data_files(file, name, listener);
  entry.detected = true;
  Detector detector(entry, first_records(entry));
  detector.detect();
  listener.info(
      fmt::format("dataset {}: not in dataset_info.json; its records are read as {}", name, detector.told()));
  return entry;
}

}  // namespace fettle
