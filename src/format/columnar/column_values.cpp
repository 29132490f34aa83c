#include "format/columnar/column_values.h"

#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "format/columnar/byte_cursor.h"
#include "format/compression.h"

namespace fettle {

namespace {
constexpr size_t kLeastPerValue = 16;  // bytes that a value of a record takes
}

UnfoldLimit::UnfoldLimit(size_t file_bytes) : most_(most_content(file_bytes)) {}

void UnfoldLimit::add(size_t bytes) {
  seen_ += kLeastPerValue + bytes;
  if (seen_ > most_)
    fail_data(fmt::format("the file's values unfold to more than {} bytes", most_),
              "it was made to fill the memory; if it is meant, write it as JSON lines");
}

Record text_value(std::string_view bytes) {
  if (!valid_utf8(bytes))
    fail_data(fmt::format("a text that is not UTF-8: \"{}\"", repaired_utf8(bytes.substr(0, 40))),
              "write the file again from text in UTF-8");
  return std::string(bytes);
}

Record binary_value(std::string_view bytes) {
  return Record::binary({bytes.begin(), bytes.end()});
}

}  // namespace fettle
