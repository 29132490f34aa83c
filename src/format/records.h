// Record readers: a file of training records, one JSON value at a time with the line it began on.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace fettle {

/// Where a record stands in its file: the 1-based line its value begins on.
struct RecordPlace {
  int64_t line = 0;
  int64_t index = 0;  // 0-based, in file order
};

/// Keys stay in the order of the file: some are learnt in it.
using Record = nlohmann::ordered_json;
using RecordSink = std::function<void(Record&& record, const RecordPlace& place)>;

/// A file type as a row: which endings it claims and how it is read.
struct RecordReader {
  std::string_view name;     // "json", "jsonl", "txt"
  std::string_view endings;  // ".json", ".jsonl .ndjson"
  void (*read)(const std::filesystem::path& path, const RecordSink& sink);
};

/// The rows, in the order they are tried.
std::span<const RecordReader> record_readers();

/// Reads all records of `path` by its ending, case ignored (Error naming the known ones).
///   json    an array, one object, or values one after the other (told by the content); mapped, built one by
///   one jsonl   one value a line; blank lines are skipped txt     every line, blank ones too, is the record
///   {"text": line}
/// A UTF-8 byte order mark is accepted; another encoding is told with the byte and a guess. Throws Error with
/// file:line:column and what the parser met; a missing brace names the bracket left open. Records before the
/// faulty one have been handed to the sink by then.
void read_records(const std::filesystem::path& path, const RecordSink& sink);

/// A whole small JSON document, with errors that name `label`:line:column and what is missing.
nlohmann::json parse_json_document(std::string_view text, const std::string& label);

}  // namespace fettle
