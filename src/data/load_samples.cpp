// A dataset's file to samples, in file order, with every record accounted for.
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <limits>
#include <map>

#include "base/error.h"
#include "base/shuffle.h"
#include "data/registry.h"
#include "data/split.h"
#include "format/records.h"

namespace fettle {

namespace {

constexpr int64_t kProgressEvery = 8192;  // records
constexpr int64_t kBadShare = 20;         // 1/20 = 5 % of the records may be left out
constexpr size_t kNamedInError = 5;

/// A record after conversion: a sample, or the reason why not.
struct Converted {
  std::optional<Sample> sample;
  std::string reason;
  SamplePlace place;
};

/// What `columns` names and what the records have: text in a column the entry does not read (the usual sign
/// of a `columns` that names too few), and a column it names that no record has.
class ColumnUse {
 public:
  explicit ColumnUse(const DatasetEntry& entry)
      : entry_(entry), format_(format_of(entry)), read_(format_.columns(entry)) {}

  void see(const Record& record) {
    if (!record.is_object()) return;
    for (const auto& [column, value] : record.items()) {
      const bool text = (value.is_string() && !value.get_ref<const std::string&>().empty()) ||
                        (value.is_array() && !value.empty());
      Seen& seen = seen_[column];
      if (text) ++seen.texts;
      seen.read = std::find(read_.begin(), read_.end(), column) != read_.end();
    }
  }

  /// LLaMA-Factory stops at such a column too, but for openai's, which may lack any.
  void refuse_missing() const {
    if (!entry_.columns_named || !format_.strict_columns || seen_.empty()) return;
    for (const std::string& column : read_) {
      if (column.empty() || seen_.contains(column)) continue;
      std::vector<std::string> names;
      names.reserve(seen_.size());
      for (const auto& item : seen_) names.push_back(item.first);
      throw Error({.what = fmt::format("no record has the column \"{}\", which `columns` of dataset {} names",
                                       column, entry_.name),
                   .where = entry_.file.string(),
                   .hint = fmt::format("columns of the records: {}; correct the name in dataset_info.json",
                                       fmt::join(names, ", "))});
    }
  }

  void tell_unread(Listener& listener) const {
    std::vector<std::string> columns, cures;
    for (const auto& [column, seen] : seen_) {
      if (seen.read || seen.texts == 0) continue;
      columns.push_back(fmt::format("\"{}\" ({} records)", column, seen.texts));
      for (const Usual& usual : kUsual)
        if (usual.column == column && (usual.any_format || !format_.conversations))
          cures.push_back(fmt::format("\"{}\": \"{}\"", usual.role, column));
    }
    if (columns.empty()) return;
    listener.warn(fmt::format(
        "dataset {}: text in {} of {} is not used{}", entry_.name, fmt::join(columns, ", "),
        entry_.file.string(),
        cures.empty() ? "" : fmt::format("; to use it, add {} to `columns`", fmt::join(cures, ", "))));
  }

 private:
  struct Seen {
    int64_t texts = 0;
    bool read = false;
  };
  struct Usual {
    std::string_view role, column;
    bool any_format;
  };
  static constexpr Usual kUsual[] = {
      {"prompt", "instruction", false}, {"query", "input", false},  {"response", "output", false},
      {"history", "history", false},    {"system", "system", true}, {"tools", "tools", true},
      {"prompt", "text", false},
  };
  const DatasetEntry& entry_;
  const RecordFormat& format_;
  std::vector<std::string> read_;
  std::map<std::string, Seen> seen_;
};

/// All records up to `limit`, converted.
std::vector<Converted> convert_all(const DatasetEntry& entry, int64_t limit, Listener& listener) {
  const RecordFormat& format = format_of(entry);
  const std::string task = "Reading " + entry.file.string();
  std::vector<Converted> records;
  ColumnUse columns(entry);
  for (const std::filesystem::path& path : entry.files) {
    if (int64_t(records.size()) >= limit) break;
    const std::string file = path.string();
    read_records(path, [&](Record&& record, const RecordPlace& place) {
      Converted converted{.place = {file, place.line}};
      converted.sample = format.convert(record, entry, converted.reason);
      if (converted.sample) converted.sample->place = converted.place;
      columns.see(record);
      records.push_back(std::move(converted));
      if (int64_t(records.size()) % kProgressEvery == 0)
        listener.on_progress({task, int64_t(records.size()), 0, "records"});
      return int64_t(records.size()) < limit;
    });
  }
  const int64_t count = int64_t(records.size());
  listener.on_progress({task, count, count, "records"});
  columns.refuse_missing();
  columns.tell_unread(listener);
  return records;
}

/// The records that `split` takes.
std::vector<int64_t> part_of(const DatasetEntry& entry, int64_t count) {
  try {
    return split_records(entry.split, count);
  } catch (const Error& error) {
    throw Error({.what = fmt::format("dataset {}: {}", entry.name, error.parts().what),
                 .where = entry.file.string(),
                 .hint = error.hint()});
  }
}

/// num_samples of LLaMA-Factory: a random permutation first; where more are asked for than there are, the
/// rest is drawn with replacement. Its generator is NumPy's global one, so the draw itself is ours.
std::vector<int64_t> drawn(const std::vector<int64_t>& from, int64_t wanted, uint64_t seed) {
  const int64_t count = int64_t(from.size());
  Rng rng(seed, Purpose::split);
  std::vector<int64_t> order = shuffled(count, rng);
  if (wanted < count) order.resize(size_t(wanted));
  while (int64_t(order.size()) < wanted) order.push_back(rng.below(uint32_t(count)));
  for (int64_t& i : order) i = from[size_t(i)];
  return order;
}

/// The words that identity sets leave open. A model trained on them calls itself {{name}}.
bool has_placeholder(const Sample& sample) {
  const auto open = [](const Message& message) {
    return message.content.find("{{name}}") != std::string::npos ||
           message.content.find("{{author}}") != std::string::npos;
  };
  return std::ranges::any_of(sample.prompt, open) || std::ranges::any_of(sample.response, open);
}

void tell_placeholders(const DatasetEntry& entry, std::span<const Sample> samples, Listener& listener) {
  const auto first = std::ranges::find_if(samples, has_placeholder);
  if (first == samples.end()) return;
  listener.warn(fmt::format(
      "dataset {}: {} of {} samples hold {{{{name}}}} or {{{{author}}}} (first: {}), which the model would "
      "learn as "
      "they stand; put in what it is to say: sed -i 's/{{{{name}}}}/NAME/g; s/{{{{author}}}}/AUTHOR/g' {}",
      entry.name, std::ranges::count_if(samples, has_placeholder), samples.size(), first->place.text(),
      first->place.file));
}

}  // namespace

const RecordFormat& format_of(const DatasetEntry& entry) {
  const auto rows = record_formats();
  const auto row = std::find_if(rows.begin(), rows.end(),
                                [&](const RecordFormat& format) { return format.name == entry.formatting; });
  FETTLE_CHECK(row != rows.end(), "formatting {}", entry.formatting);
  return *row;
}

void refuse_if_too_many_bad(int64_t bad, int64_t records, const std::string& where,
                            const std::string& problem, std::span<const std::string> named) {
  if (bad * kBadShare <= records) return;
  throw Error(
      {.what = fmt::format("{} of {} records {}: {}{}", bad, records, problem, fmt::join(named, "; "),
                           bad > int64_t(named.size()) ? " …" : ""),
       .where = where,
       .hint =
           "up to 5 % are left out with a warning; check `formatting` and `columns` in dataset_info.json"});
}

LoadedSamples load_samples(const DatasetEntry& entry, std::optional<int64_t> max_samples, uint64_t seed,
                           Listener& listener) {
  constexpr int64_t kAll = std::numeric_limits<int64_t>::max();
  const int64_t wanted = max_samples.value_or(kAll);
  const bool all = entry.num_samples || entry.split != "train";
  std::vector<Converted> records = convert_all(entry, all ? kAll : wanted, listener);
  if (records.empty())
    throw Error({.what = fmt::format("the file holds no records, and dataset {} is read from it", entry.name),
                 .where = entry.file.string(),
                 .hint = "write at least one record, or name another file_name in dataset_info.json"});
  std::vector<int64_t> order = part_of(entry, int64_t(records.size()));
  if (entry.num_samples) order = drawn(order, *entry.num_samples, seed);
  if (int64_t(order.size()) > wanted) order.resize(size_t(wanted));

  LoadedSamples loaded;
  loaded.records = int64_t(order.size());
  std::vector<std::string> named;
  std::vector<int64_t> uses(records.size());  // a record may be taken more than once
  for (int64_t i : order) ++uses[size_t(i)];
  for (int64_t i : order) {
    Converted& record = records[size_t(i)];
    if (record.sample) {
      loaded.samples.push_back(--uses[size_t(i)] > 0 ? *record.sample : std::move(*record.sample));
      continue;
    }
    loaded.skipped.push_back({record.place, record.reason});
    if (named.size() < kNamedInError)
      named.push_back(fmt::format("{}: {}", record.place.text(), record.reason));
  }
  tell_placeholders(entry, loaded.samples, listener);
  refuse_if_too_many_bad(int64_t(loaded.skipped.size()), loaded.records, entry.file.string(),
                         fmt::format("do not fit the {} format", entry.formatting), named);
  return loaded;
}

}  // namespace fettle
