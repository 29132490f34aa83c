#include "format/records.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "base/utf8.h"
#include "format/json_scan.h"
#include "format/text_encoding.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {
/// A mapped file as text: tens of gigabytes cost no memory of ours.
struct MappedText {
  explicit MappedText(const fs::path& path) : file(MappedFile::open(path)) {
    const auto bytes = file->bytes();
    text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
    refuse_wide_text(text, path.string());
    begin = byte_order_mark(text);
  }
  std::shared_ptr<const MappedFile> file;
  std::string_view text;
  size_t begin;  // behind a byte order mark
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

// Builds the value whose extent the scanner found.
template <class Json>
Json built(const JsonScanner& scan, size_t begin, std::string_view extent) {
  try {
    return Json::parse(extent);
  } catch (const nlohmann::json::parse_error& e) {
    scan.fail(begin + std::min(extent.size(), e.byte > 0 ? e.byte - 1 : 0), reason(e.what()));
  } catch (const nlohmann::json::exception& e) {  // a number beyond double
    scan.fail(begin, reason(e.what()));
  }
}

/// Hands values to the sink, numbered, with their lines.
class Emitter {
 public:
  Emitter(std::string_view text, const RecordSink& sink) : lines_(text), sink_(sink) {}

  void value_at(JsonScanner& scan) {
    const size_t begin = scan.at();
    const std::string_view extent = scan.value();
    emit(built<Record>(scan, begin, extent), begin);
  }
  void emit(Record&& record, size_t at) {
    const RecordPlace place{.line = lines_.line_at(at), .index = index_++};
    sink_(std::move(record), place);
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
    out.value_at(scan);
    more = next() != ']';
    if (!more) break;
    if (scan.peek() != ',') scan.fail(scan.at(), "',' or ']' was expected after a record");
    scan.advance();
    if (next() == ']') scan.fail(scan.at(), "a record was expected after ','", "remove the last ','");
  }
  scan.advance();
  if (scan.more()) scan.fail(scan.at(), "the file goes on after the array's closing ']'");
}

void read_json(const fs::path& path, const RecordSink& sink) {
  const MappedText mapped(path);
  JsonScanner scan(mapped.text, mapped.begin, mapped.text.size(), path.string());
  Emitter out(mapped.text, sink);
  if (!scan.more())
    throw Error({.what = "the file holds no JSON value",
                 .where = path.string(),
                 .hint = "a .json file holds a list of records, [{…}, {…}]"});
  if (scan.peek() == '[') return read_array(scan, out);
  while (scan.more()) out.value_at(scan);
}

// Calls body(begin, end) for every line, without its ending.
template <class Body>
void each_line(const MappedText& mapped, const Body& body) {
  const std::string_view text = mapped.text;
  for (size_t begin = mapped.begin; begin < text.size();) {
    const size_t newline = std::min(text.find('\n', begin), text.size());
    const size_t end = newline > begin && text[newline - 1] == '\r' ? newline - 1 : newline;
    body(begin, end);
    begin = newline + 1;
  }
}

void read_lines_of_json(const fs::path& path, const RecordSink& sink) {
  const MappedText mapped(path);
  Emitter out(mapped.text, sink);
  each_line(mapped, [&](size_t begin, size_t end) {
    JsonScanner scan(mapped.text, begin, end, path.string());
    if (!scan.more()) return;
    out.value_at(scan);
    if (scan.more()) {
      scan.fail(scan.at(), "the line goes on after its value",
                "a .jsonl file holds one JSON value a line; an array of records is a .json file");
    }
  });
}

void read_lines_of_text(const fs::path& path, const RecordSink& sink) {
  const MappedText mapped(path);
  Emitter out(mapped.text, sink);
  each_line(mapped, [&](size_t begin, size_t end) {
    std::string line(mapped.text.substr(begin, end - begin));
    if (!valid_utf8(line)) refuse_other_encodings(mapped.text, end, path.string());
    out.emit({{"text", std::move(line)}}, begin);
  });
}

constexpr RecordReader kReaders[] = {
    {"json", ".json", read_json},
    {"jsonl", ".jsonl .ndjson", read_lines_of_json},
    {"txt", ".txt", read_lines_of_text},
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

void read_records(const fs::path& path, const RecordSink& sink) {
  std::string ending = path.extension().string();
  std::ranges::transform(ending, ending.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  std::string known;
  for (const RecordReader& reader : kReaders) {
    if (claims(reader, ending)) return reader.read(path, sink);
    known += fmt::format("{}{}", known.empty() ? "" : " ", reader.endings);
  }
  throw Error({.what = fmt::format("cannot tell what kind of records a \"{}\" file holds", ending),
               .where = path.string(),
               .hint = fmt::format("known endings: {}", known)});
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
