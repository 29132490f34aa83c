// DELTA_BINARY_PACKED: integers as differences, in blocks of miniblocks of equal width.
#pragma once

#include "format/columnar/byte_cursor.h"

namespace fettle {

/// Errors have no place.
class DeltaDecoder {
 public:
  /// `most`: how many values the page can have.
  DeltaDecoder(std::string_view bytes, uint64_t most);

  int64_t next();
  uint64_t count() const { return count_; }
  /// What stands behind the last value, found without decoding.
  std::string_view behind() const;

 private:
  void begin_block();
  void begin_miniblock();

  ByteCursor in_;
  uint64_t block_values_ = 0, miniblocks_ = 0, miniblock_values_ = 0;
  uint64_t count_ = 0, given_ = 0;
  uint64_t value_ = 0;  // sums wrap round, as the format says
  uint64_t least_ = 0;
  std::string_view widths_;
  size_t miniblock_ = 0;
  std::string_view bits_;
  int width_ = 0;
  uint64_t in_miniblock_ = 0;  // values of it that were given
};

}  // namespace fettle
