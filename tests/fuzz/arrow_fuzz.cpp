// links: format
// Any bytes are rows or an Error, as a stream or a file.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/columnar/arrow.h"

using namespace fettle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  int64_t rows = 0;
  try {
    read_arrow(file, "fuzz", [&](Record&& record, const RecordPlace& place) {
      if (place.line != ++rows || !record.is_object()) std::abort();
      return rows < 1000;
    });
  } catch (const Error&) {
  }
  return 0;
}
