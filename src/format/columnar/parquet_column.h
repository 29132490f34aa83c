// A column's pages in one row group, as levels and values in file order.
#pragma once

#include <optional>
#include <string>

#include "format/columnar/column_values.h"
#include "format/columnar/parquet_encoding.h"

namespace fettle {

/// One entry of a column: a value, or at which level of the nesting it is missing.
struct ParquetEntry {
  int definition = 0, repetition = 0;
  StoredValue value;  // when definition is the column's highest
};

/// Reads a page at a time: memory is that of a page and of the dictionary. Errors have no place.
class ParquetColumn {
 public:
  /// `file`, `leaf` and `limit` must outlive it; the chunk lies within the file (parse_parquet_metadata has
  /// checked).
  ParquetColumn(std::string_view file, const ParquetLeaf& leaf, const ParquetChunk& chunk,
                UnfoldLimit& limit);

  bool at_end() const { return left_ == 0; }
  /// The levels of the next entry. Throws at the end.
  const ParquetEntry& peek();
  /// Takes the next entry; its bytes stay until the next call.
  ParquetEntry next();

 private:
  struct Header;
  Header parse_header();
  void load_page();
  void load_data(const Header& header, std::string_view body);
  void load_dictionary(const Header& header, std::string_view body);
  std::string_view unpack(std::string_view packed, uint64_t size, std::string& into) const;

  const ParquetLeaf& leaf_;
  UnfoldLimit& limit_;
  std::string_view rest_;  // of the chunk
  int32_t codec_;
  uint64_t left_;         // entries of the chunk that have not been taken
  uint64_t in_page_ = 0;  // entries of the page that have not been taken
  std::string page_, dictionary_page_;
  std::optional<std::vector<StoredValue>> dictionary_;
  std::optional<RunDecoder> definitions_, repetitions_;
  int32_t encoding_ = 0;
  uint64_t page_values_ = 0;
  std::string_view values_;
  std::unique_ptr<ValueDecoder> decoder_;  // made with the first value: a page of nulls may have no bytes
  std::optional<ParquetEntry> peeked_;
};

}  // namespace fettle
