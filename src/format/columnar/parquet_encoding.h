// How Parquet packs levels and values in a page, decoded one value at a time.
#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "format/columnar/byte_cursor.h"
#include "format/columnar/parquet_metadata.h"

namespace fettle {

/// A value as stored: `integer` of booleans and integers (their bits), `real` of floats, `bytes` of the rest.
/// `bytes` stay until the decoder's next value.
struct StoredValue {
  int64_t integer = 0;
  double real = 0;
  std::string_view bytes;
};

/// Runs of one number, and numbers of `width` bits: levels, dictionary indices, booleans. All errors of these
/// decoders have no place.
class RunDecoder {
 public:
  RunDecoder(std::string_view bytes, int width);
  uint32_t next();

 private:
  void begin_run();

  ByteCursor in_;
  int width_;
  uint64_t left_ = 0;  // values of the run
  bool packed_ = false;
  uint32_t repeated_ = 0;
  std::string_view bits_;
  uint64_t bit_ = 0;
};

class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  /// Throws when the page holds no further value.
  virtual StoredValue next() = 0;
};

/// What a page's values are decoded by.
struct PageValues {
  const ParquetLeaf& leaf;
  std::string_view bytes;
  uint64_t most = 0;                                     // values the page can hold
  const std::vector<StoredValue>* dictionary = nullptr;  // null: the column has none
};

/// An encoding as a row; `make` is null where it is refused by name.
struct ParquetEncoding {
  int32_t id;
  std::string_view name;
  std::unique_ptr<ValueDecoder> (*make)(const PageValues& page);
};
std::span<const ParquetEncoding> parquet_encodings();

std::unique_ptr<ValueDecoder> make_value_decoder(int32_t encoding, const PageValues& page);

}  // namespace fettle
