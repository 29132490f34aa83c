// links: format
// Any bytes are rows or an Error. A fuzzer would take long to find a footer's place, so the input is what
// lies between the two magic words.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/columnar/parquet.h"

using namespace fettle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file = "PAR1" + std::string(reinterpret_cast<const char*>(data), size) + "PAR1";
  int64_t rows = 0;
  try {
    read_parquet(file, "fuzz", [&](Record&& record, const RecordPlace& place) {
      if (place.line != ++rows || !record.is_object()) std::abort();
      return rows < 1000;
    });
  } catch (const Error&) {
  }
  return 0;
}
