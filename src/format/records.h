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

/// Where a record stands in its file: the 1-based line its value begins on; in files without lines, its row.
struct RecordPlace {
  int64_t line = 0;
  int64_t index = 0;  // 0-based, in file order
};

/// Keys stay in the order of the file: some are learnt in it.
using Record = nlohmann::ordered_json;
/// False ends the reading: what follows is not looked at.
using RecordSink = std::function<bool(Record&& record, const RecordPlace& place)>;

/// A file type as a row: which endings it claims and how its bytes are read. `label` names the file in
/// errors.
struct RecordReader {
  std::string_view name;     // "json", "csv", "text": files of one name may stand together in a folder
  std::string_view endings;  // ".json", ".jsonl .ndjson"
  void (*read)(std::string_view bytes, const std::string& label, const RecordSink& sink);
  bool is_text = true;  // false: another encoding than UTF-8 is no question
};

/// The rows, in the order they are tried.
std::span<const RecordReader> record_readers();

/// The row that claims the ending of `path`, case ignored and behind that of a compression ("x.jsonl.gz");
/// null when none does.
const RecordReader* reader_of(const std::filesystem::path& path);
/// ".json .jsonl …": every ending, and those of compressed files.
std::string known_endings();

/// Reads the records of `path` by its ending (Error naming the known ones).
///   .json          an array, one object, or values one after the other (told by the content)
///   .jsonl         one value a line; blank lines are skipped
///   .csv           a header, then a row a record; see csv.cpp
///   .txt           every line, blank ones too, is the record {"text": line}
///   .parquet .arrow rows; see columnar/parquet.h
/// Plain files are mapped and their records built one by one; compressed ones (format/compression.h) are
/// unpacked in memory. A UTF-8 byte order mark is accepted; another encoding is told with the byte and a
/// guess. Throws Error with file:line:column and what the parser met; a missing brace names the bracket left
/// open. Records before the faulty one have been handed to the sink by then.
void read_records(const std::filesystem::path& path, const RecordSink& sink);

/// A whole small JSON document, with errors that name `label`:line:column and what is missing.
nlohmann::json parse_json_document(std::string_view text, const std::string& label);

}  // namespace fettle
