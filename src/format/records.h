// Record readers: a file of training records, one JSON value at a time with the line it began on.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>

namespace fettle {

/// Where a record stands in its file: the 1-based line its value begins on.
struct RecordPlace {
  int64_t line = 0;
  int64_t index = 0;  // 0-based, in file order
};

using RecordSink = std::function<void(nlohmann::json&& record, const RecordPlace& place)>;

/// A file type as a row: which endings it claims and how it is read.
struct RecordReader {
  std::string_view name;       // "json", "jsonl", "txt"
  std::string_view endings;    // ".json", ".jsonl .ndjson"
  void (*read)(const std::filesystem::path& path, const RecordSink& sink);
};

/// Reads all records of `path` by its ending; .json may hold an array or one value a line (told by the content). Throws
/// Error with file:line and what the parser met (a missing brace names the line and the bracket left open).
void read_records(const std::filesystem::path& path, const RecordSink& sink);

/// A whole small JSON document, with errors that name file:line:column and what is missing.
nlohmann::json parse_json_document(std::string_view text, const std::string& label);

}  // namespace fettle
