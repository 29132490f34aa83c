// Parquet: the reader behind ".parquet".
#pragma once

#include "format/records.h"

namespace fettle {

/// Rows as records, `line` being the row's number from 1. Lists are arrays, structs objects, maps arrays of
/// {key, value}, missing values null. Dates and times are the numbers stored; bytes that are not marked as
/// text are binary. Pages v1 and v2; compressions none, snappy, gzip, zstd; encodings PLAIN, dictionary, RLE
/// and DELTA_*. One page of every column is in memory at a time. Throws Error naming `label`, row group and
/// column; what is not read (another compression, encryption) is refused by name.
void read_parquet(std::string_view file, const std::string& label, const RecordSink& sink);

}  // namespace fettle
