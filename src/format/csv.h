// Comma-separated values: the reader behind ".csv".
#pragma once

#include "format/records.h"

namespace fettle {

/// RFC 4180: cells between commas, rows between line ends (\n, \r\n, \r), cells in double quotes may hold
/// both and "" for a quote. The first row names the columns. As pandas, which `datasets` reads CSV with:
/// lines of white space are skipped, an empty cell and one that is missing at a row's end are null, a column
/// without a name is "Unnamed: N", a repeated name gets ".1". Unlike it, every other cell stays text ("007",
/// "NA", "True"), and text behind a closing quote is an Error. Errors name file:line, the row's first.
void read_csv(std::string_view text, const std::string& label, const RecordSink& sink);

}  // namespace fettle
