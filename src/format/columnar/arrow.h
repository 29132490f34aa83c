// Arrow's file format and stream format: the reader behind ".arrow".
#pragma once

#include "format/records.h"

namespace fettle {

/// Rows as records, as read_parquet() has them: `line` is the row's number from 1, lists and maps are arrays,
/// structs objects, dates and times the numbers stored, what is no text is binary. Buffers are used where
/// they lie, or unpacked (zstd) a batch at a time. Throws Error naming `label`, batch and column; a type that
/// is not read (unions, views, run-end encoded) or LZ4 is refused by name, and a stream without its end mark
/// is cut off.
void read_arrow(std::string_view file, const std::string& label, const RecordSink& sink);

}  // namespace fettle
