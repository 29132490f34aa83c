// The values of one record batch (or dictionary) of an Arrow stream.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "format/columnar/arrow_schema.h"
#include "format/columnar/column_values.h"

namespace fettle {

class ArrowArray;
/// A dictionary's parts, one behind the other: later messages may add to it.
using ArrowDictionary = std::vector<std::shared_ptr<const ArrowArray>>;
using ArrowDictionaries = std::map<int64_t, ArrowDictionary>;

/// A column of a batch. Its bytes are those of the file or of the batch's unpacked buffers.
class ArrowArray {
 public:
  int64_t length() const { return length_; }
  const ArrowField& field() const { return *field_; }
  /// Value i as a record has it. Errors have no place.
  Record value(int64_t i, UnfoldLimit& limit) const;

 private:
  friend class ArrowBatch;
  bool is_null(int64_t i) const;
  int64_t integer(int64_t i, int64_t width, bool is_signed) const;
  Record integer_value(int64_t i) const;
  Record real_value(int64_t i) const;
  std::pair<int64_t, int64_t> extent(int64_t i) const;
  std::string_view bytes_of(int64_t i) const;
  Record elements(int64_t begin, int64_t end, UnfoldLimit& limit) const;
  Record from_dictionary(int64_t i, UnfoldLimit& limit) const;

  const ArrowField* field_ = nullptr;
  int64_t length_ = 0;
  std::string_view validity_, offsets_, data_;  // `data_` of a dictionary's user: the indices
  std::vector<ArrowArray> children_;
  const ArrowDictionary* dictionary_ = nullptr;
};

/// Reads a RecordBatch table and its body.
class ArrowBatch {
 public:
  /// Everything given must outlive the batch. `rows_of_file` is the most rows it may have. Errors have no
  /// place but for the column.
  ArrowBatch(const FlatTable& table, std::string_view body, const ArrowDictionaries& dictionaries,
             uint64_t most_rows, UnfoldLimit& limit);

  int64_t rows() const { return rows_; }
  /// The next column; `as_values` of a dictionary's own values, which are not indices.
  ArrowArray column(const ArrowField& field, bool as_values = false);
  void expect_end() const;

 private:
  std::string_view buffer();
  std::string_view unpacked(std::string_view packed);
  void read_values(ArrowArray& array);

  std::string_view body_, nodes_, buffers_;
  const ArrowDictionaries& dictionaries_;
  uint64_t most_rows_;
  UnfoldLimit& limit_;
  int64_t rows_ = 0;
  bool compressed_ = false;
  std::deque<std::string> storage_;  // views into it stay
};

}  // namespace fettle
