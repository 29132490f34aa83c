// dataset_info.json and the record formats: from a dataset's name to its samples.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/listener.h"
#include "data/sample.h"
#include "format/records.h"

namespace fettle {

/// The keys of a message and the words for its roles; an empty one is not used.
struct MessageTags {
  std::string role = "from", content = "value";
  std::string user = "human", assistant = "gpt", observation = "observation", function = "function_call",
              system = "system";
};

/// One entry of dataset_info.json. A column that is empty is not used. As in LLaMA-Factory: without `columns`
/// the defaults below hold; with it, every column it does not name is unused. The same holds for `tags`.
struct DatasetEntry {
  std::string name;
  std::filesystem::path file;                // resolved: a file, or a folder of them
  std::vector<std::filesystem::path> files;  // to be read one behind the other
  std::string split = "train";               // which part of them: data/split.h
  std::string formatting = "alpaca";
  bool detected = false;  // named by its path: the format was told from its records
  bool ranking = false;
  std::optional<int64_t> num_samples;
  bool columns_named = false;  // by `columns`: then a column that no record has is an Error
  std::string prompt = "instruction", query = "input", response = "output", history, system, tools,
              messages = "conversations";
  MessageTags tags;
};

/// The entry of `name` in dataset_dir/dataset_info.json, or, when `name` is not registered but is a path
/// (data/locate.h), one made from the records there (data/detect_format.h). A registered file is looked for
/// in dataset_dir, then as written from the working folder (said through the listener). Error names the
/// places tried, the key or the bracket that is wrong, the nearest names; a hub name or script is refused by
/// name.
DatasetEntry find_dataset(const std::filesystem::path& dataset_dir, const std::string& name,
                          Listener& listener);

/// A record format: one row per `formatting`.
struct RecordFormat {
  std::string_view name;  // "alpaca"
  /// Empty when the record does not fit; `reason` then says why, naming the field.
  std::optional<Sample> (*convert)(const Record& record, const DatasetEntry& entry, std::string& reason);
  /// The columns of an entry that this format reads; what they hold is not "text that is not used".
  std::vector<std::string> (*columns)(const DatasetEntry& entry);
  bool conversations;   // made of messages: there are tags, and nothing to pre-train on
  bool strict_columns;  // a column that `columns` names must be in some record
};
std::span<const RecordFormat> record_formats();
/// The row of an entry that find_dataset() returned.
const RecordFormat& format_of(const DatasetEntry& entry);

/// A record that was left out, and why.
struct SkippedRecord {
  SamplePlace place;
  std::string reason;
};

struct LoadedSamples {
  std::vector<Sample> samples;
  std::vector<SkippedRecord> skipped;
  int64_t records = 0;
};

/// Throws the Error of a dataset of which more than 5 % is unusable: `problem` says what is wrong with those
/// ("have no answer"), `named` holds the first of them. Does nothing below that share.
void refuse_if_too_many_bad(int64_t bad, int64_t records, const std::string& where,
                            const std::string& problem, std::span<const std::string> named);

/// Reads a dataset in file order: num_samples (a seeded draw), then the first max_samples. Warns when a
/// column with text in it is not used. Error when more than 5 % of the records do not fit.
LoadedSamples load_samples(const DatasetEntry& entry, std::optional<int64_t> max_samples, uint64_t seed,
                           Listener& listener);

}  // namespace fettle
