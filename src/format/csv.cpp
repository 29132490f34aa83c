#include "format/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "format/text_encoding.h"

namespace fettle {

namespace {

struct Row {
  std::vector<std::string> cells;
  size_t begin = 0;  // offset of its first character
  int64_t line = 0;  // of that
  bool quoted = false;
};

class CsvScanner {
 public:
  CsvScanner(std::string_view text, const std::string& label)
      : text_(text), label_(label), at_(byte_order_mark(text)) {}

  /// The next row that is more than white space. False at the end.
  bool next(Row& row) {
    while (at_ < text_.size()) {
      row = {.begin = at_, .line = line_};
      do row.cells.push_back(cell(row.quoted));
      while (took(','));
      end_line();
      if (!valid_utf8(text_.substr(row.begin, at_ - row.begin))) refuse_other_encodings(text_, at_, label_);
      if (!blank(row)) return true;
    }
    return false;
  }

  [[noreturn]] void fail(size_t at, std::string what, std::string hint) const {
    refuse_other_encodings(text_, std::min(at + 1, text_.size()), label_);
    throw Error({.what = std::move(what),
                 .where = fmt::format("{}:{}", label_, line_column(text_, at)),
                 .hint = std::move(hint)});
  }

 private:
  static bool blank(const Row& row) {
    return row.cells.size() == 1 && !row.quoted && row.cells[0].find_first_not_of(" \t") == std::string::npos;
  }

  bool took(char wanted) {
    if (at_ >= text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  /// Stands on a line end or the text's.
  void end_line() {
    took('\r');
    took('\n');
    ++line_;
  }

  std::string cell(bool& quoted) {
    if (took('"')) {
      quoted = true;
      return quoted_cell();
    }
    const size_t begin = at_;
    at_ = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    return std::string(text_.substr(begin, at_ - begin));
  }

  std::string quoted_cell() {
    const size_t open = at_ - 1;
    std::string out;
    for (;;) {
      const size_t quote = text_.find('"', at_);
      if (quote == text_.npos)
        fail(open, "the quote that begins here is not closed",
             "close it with '\"'; a quote inside a quoted cell is written twice: \"\"");
      out += text_.substr(at_, quote - at_);
      at_ = quote + 1;
      if (!took('"')) break;
      out += '"';
    }
    line_ += std::count(out.begin(), out.end(), '\n');
    if (at_ < text_.size() && std::string_view(",\r\n").find(text_[at_]) == std::string_view::npos)
      fail(at_, "text stands behind a closing quote; ',' or the end of the line was expected",
           "a quote inside a quoted cell is written twice: \"\"");
    return out;
  }

  std::string_view text_;
  const std::string& label_;
  size_t at_;
  int64_t line_ = 1;
};

// pandas' names for columns that have none or another's.
std::vector<std::string> column_names(const Row& header) {
  std::vector<std::string> names;
  const auto taken = [&](const std::string& name) { return std::ranges::find(names, name) != names.end(); };
  for (const std::string& cell : header.cells) {
    const std::string wanted = cell.empty() ? fmt::format("Unnamed: {}", names.size()) : cell;
    std::string name = wanted;
    for (int again = 1; taken(name); ++again) name = fmt::format("{}.{}", wanted, again);
    names.push_back(std::move(name));
  }
  return names;
}

// One column with another divider in its name was meant to be several.
void refuse_other_dividers(const CsvScanner& scan, const Row& header) {
  if (header.cells.size() != 1 || header.quoted) return;
  const size_t divider = header.cells[0].find_first_of(";\t");
  if (divider == std::string::npos) return;
  const bool tab = header.cells[0][divider] == '\t';
  scan.fail(header.begin + divider,
            fmt::format("the columns are divided by {}; ',' was expected", tab ? "tabs" : "';'"),
            "save the table with commas (UTF-8)");
}

}  // namespace

void read_csv(std::string_view text, const std::string& label, const RecordSink& sink) {
  CsvScanner scan(text, label);
  Row row;
  if (!scan.next(row))
    throw Error({.what = "the file holds no row",
                 .where = label,
                 .hint = "the first row of a .csv file names the columns: instruction,output"});
  refuse_other_dividers(scan, row);
  const std::vector<std::string> names = column_names(row);
  for (int64_t index = 0; scan.next(row); ++index) {
    if (row.cells.size() > names.size())
      scan.fail(row.begin,
                fmt::format("the row has {} cells; the header names {}", row.cells.size(), names.size()),
                "a cell with a comma in it stands in double quotes: \"a, b\"");
    Record record = Record::object();
    for (size_t i = 0; i < names.size(); ++i) {
      const bool there = i < row.cells.size() && !row.cells[i].empty();
      record[names[i]] = there ? Record(std::move(row.cells[i])) : Record(nullptr);
    }
    if (!sink(std::move(record), {.line = row.line, .index = index})) return;
  }
}

}  // namespace fettle
