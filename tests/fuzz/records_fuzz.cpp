// links: format
// Any text is records or an Error. The first byte picks the reader; documents agree with the library that
// builds them.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/records.h"

using namespace fettle;

namespace {
void read_as_records(const RecordReader& reader, std::string_view text) {
  int64_t line = 1, index = 0;
  try {
    reader.read(text, "fuzz", [&](Record&& record, const RecordPlace& place) {
      if (place.line < line || place.index != index++ || record.is_discarded()) std::abort();
      line = place.line;
      return true;
    });
  } catch (const Error&) {
  }
}

void read_as_document(std::string_view text) {
  try {
    const nlohmann::json ours = parse_json_document(text, "fuzz");
    if (ours != nlohmann::json::parse(text)) std::abort();
  } catch (const Error&) {
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t choice = data[0] % (record_readers().size() + 1);
  if (choice == record_readers().size()) {
    read_as_document(text);
  } else {
    read_as_records(record_readers()[choice], text);
  }
  return 0;
}
