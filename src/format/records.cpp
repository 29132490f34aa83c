#include "format/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "format/columnar/arrow.h"
#include "format/columnar/parquet.h"
#include "format/compression.h"
#include "format/csv.h"
#include "format/json_scan.h"
#include "format/text_encoding.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
/// A file's bytes: mapped (tens of gigabytes cost no memory of ours), or unpacked into memory.
struct FileText {
  FileText(const fs::path& path, bool is_text) : file(MappedFile::open(path)) {
    const auto bytes = file->bytes();
    text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    if (const Compression* how = compression_of(path)) {
      unpacked_text = unpacked(*how, text, path.string());
      text = unpacked_text;
    } else {
      refuse_compressed(text, path.string());
    }
    if (is_text) refuse_wide_text(text, path.string());
  }
  std::shared_ptr<const MappedFile> file;
  std::string unpacked_text;
  std::string_view text;
};

/// Line numbers of ascending offsets, each newline counted once.
class LineCounter {
 public:
  explicit LineCounter(std::string_view text) : text_(text) {}
  int64_t line_at(size_t offset) {
    line_ += std::count(text_.begin() + int64_t(counted_), text_.begin() + int64_t(offset), '\n');
    counted_ = offset;
    return line_;
  }

 private:
  std::string_view text_;
  size_t counted_ = 0;
  int64_t line_ = 1;
};

// The library's message without its own place, which counts from the value's start, and without a whole long
// token.
std::string reason(std::string_view message) {
  constexpr size_t kLongest = 300;
  const size_t column = message.find(", column ");
  const size_t begin = column == message.npos ? message.find("] ") : message.find(": ", column);
  if (begin != message.npos) message.remove_prefix(begin + 2);
  if (message.size() > kLongest) return repaired_utf8(message.substr(0, kLongest)) + " …";
  return repaired_utf8(message);
}

// What to do about the character that the parser stopped at.
std::string cure(std::string_view text, size_t at, std::string_view what) {
  if (what.find("after backslash") != what.npos) return "in JSON a \\ is written twice; write paths with /";
  // The parser stops within the character's bytes.
  size_t begin = std::min(at, text.size());
  while (begin > 0 && at - begin < 3 && begin < text.size() && (uint8_t(text[begin]) & 0xc0) == 0x80) --begin;
  return begin < text.size() ? look_alike_at(text, begin, "JSON") : "";
}

// Builds the value whose extent the scanner found.
template <class Json>
Json built(const JsonScanner& scan, size_t begin, std::string_view extent) {
  try {
    return Json::parse(extent);
  } catch (const nlohmann::json::parse_error& e) {
    const size_t at = std::min(extent.size(), e.byte > 0 ? e.byte - 1 : 0);
    scan.fail(begin + at, reason(e.what()), cure(extent, at, e.what()));
  } catch (const nlohmann::json::exception& e) {  // a number beyond double
    scan.fail(begin, reason(e.what()));
  }
}

/// Hands values to the sink, numbered, with their lines.
class Emitter {
 public:
  Emitter(std::string_view text, const RecordSink& sink) : lines_(text), sink_(sink) {}

  /// False: the sink has had enough.
  bool value_at(JsonScanner& scan) {
    const size_t begin = scan.at();
    const std::string_view extent = scan.value();
    return sink_(built<Record>(scan, begin, extent), {.line = lines_.line_at(begin), .index = index_++});
  }

 private:
  LineCounter lines_;
  const RecordSink& sink_;
  int64_t index_ = 0;
};

// The scanner stands on '['.
void read_array(JsonScanner& scan, Emitter& out) {
  const size_t open = scan.at();
  scan.advance();
  const auto next = [&] {
    if (!scan.more()) scan.fail_unclosed(open);
    return scan.peek();
  };
  for (bool more = next() != ']'; more;) {
    if (!out.value_at(scan)) return;
    more = next() != ']';
    if (!more) break;
    if (scan.peek() != ',') scan.fail(scan.at(), "',' or ']' was expected after a record");
    scan.advance();
    if (next() == ']') scan.fail(scan.at(), "a record was expected after ','", "remove the last ','");
  }
  scan.advance();
  if (scan.more()) scan.fail(scan.at(), "the file goes on after the array's closing ']'");
}

void read_json(std::string_view text, const std::string& label, const RecordSink& sink) {
  JsonScanner scan(text, byte_order_mark(text), text.size(), label);
  Emitter out(text, sink);
  if (!scan.more())
    throw Error({.what = "the file holds no JSON value",
                 .where = label,
                 .hint = "a .json file holds a list of records, [{…}, {…}]"});
  if (scan.peek() == '[') return read_array(scan, out);
  while (scan.more() && out.value_at(scan)) {
  }
}

void read_lines_of_json(std::string_view text, const std::string& label, const RecordSink& sink) {
  Emitter out(text, sink);
  for (size_t begin = byte_order_mark(text); begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    JsonScanner scan(text, begin, end, label);
    begin = end + 1;
    if (!scan.more()) continue;
    if (!out.value_at(scan)) return;
    if (scan.more())
      scan.fail(scan.at(), "the line goes on after its value",
                "a .jsonl file holds one JSON value a line; an array of records is a .json file");
  }
}

// Lines end as Python's universal newlines do: \n, \r\n or \r.
void read_lines_of_text(std::string_view text, const std::string& label, const RecordSink& sink) {
  int64_t index = 0;
  for (size_t begin = byte_order_mark(text); begin < text.size(); ++index) {
    const size_t end = std::min(text.find_first_of("\r\n", begin), text.size());
    std::string line(text.substr(begin, end - begin));
    if (!valid_utf8(line)) refuse_other_encodings(text, end, label);
    if (!sink({{"text", std::move(line)}}, {.line = index + 1, .index = index})) return;
    begin = text.substr(end).starts_with("\r\n") ? end + 2 : end + 1;
  }
}

constexpr RecordReader kReaders[] = {
    {"json", ".json", read_json},
    {"json", ".jsonl .ndjson", read_lines_of_json},
    {"csv", ".csv", read_csv},
    {"text", ".txt", read_lines_of_text},
    {"parquet", ".parquet", read_parquet, false},
    {"arrow", ".arrow", read_arrow, false},
};

bool claims(const RecordReader& reader, std::string_view ending) {
  for (std::string_view rest = reader.endings; !rest.empty();) {
    const size_t space = std::min(rest.find(' '), rest.size());
    if (rest.substr(0, space) == ending) return true;
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  return false;
}
}  // namespace

std::span<const RecordReader> record_readers() {
  return kReaders;
}

const RecordReader* reader_of(const fs::path& path) {
  std::string ending = (compression_of(path) ? path.stem() : path).extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  const auto row = std::ranges::find_if(kReaders, [&](const RecordReader& r) { return claims(r, ending); });
  return row == std::end(kReaders) ? nullptr : row;
}

std::string known_endings() {
  std::vector<std::string_view> plain, packed;
  for (const RecordReader& reader : kReaders) plain.push_back(reader.endings);
  for (const Compression& row : compressions()) packed.push_back(row.ending);
  return fmt::format("{}, each also with {}", fmt::join(plain, " "), fmt::join(packed, " or "));
}

void read_records(const fs::path& path, const RecordSink& sink) {
  const RecordReader* reader = reader_of(path);
  if (!reader)
    throw Error({.what = fmt::format("cannot tell what kind of records a \"{}\" file holds",
                                     path.extension().string()),
                 .where = path.string(),
                 .hint = fmt::format("known endings: {}", known_endings())});
  const FileText file(path, reader->is_text);
  reader->read(file.text, path.string(), sink);
}

nlohmann::json parse_json_document(std::string_view text, const std::string& label) {
  refuse_wide_text(text, label);
  JsonScanner scan(text, byte_order_mark(text), text.size(), label);
  if (!scan.more()) throw Error({.what = "the file holds no JSON value", .where = label});
  const size_t begin = scan.at();
  const std::string_view extent = scan.value();
  nlohmann::json document = built<nlohmann::json>(scan, begin, extent);
  if (scan.more()) scan.fail(scan.at(), "the file goes on after its JSON value");
  return document;
}

}  // namespace fettle
