// For tests of the columnar readers: the golden files, and reading as one text.
#pragma once

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"

namespace fettle {

using ColumnarReader = void (*)(std::string_view file, const std::string& label, const RecordSink& sink);

/// The bytes of a file that tests/golden/make_columnar_golden.py wrote.
inline std::string golden_bytes(const std::string& name) {
  return read_text(FETTLE_SOURCE_DIR "/tests/golden/columnar/" + name);
}

/// A line a record, then the error's message.
inline std::string read_all(ColumnarReader read, std::string_view bytes) {
  std::string out;
  try {
    read(bytes, "x", [&](Record&& record, const RecordPlace& place) {
      out += fmt::format("{} {}\n", place.line, record.dump());
      return true;
    });
  } catch (const Error& error) {
    out += error.message();
  }
  return out;
}

/// Every beginning of `bytes` must be an Error, and with any byte changed they are records or an Error.
/// Returns what went wrong first.
inline std::string survives_damage(ColumnarReader read, const std::string& bytes) {
  const auto fails = [&](const std::string& damaged) {
    // A copy of its own size: a sanitizer sees every read beyond it.
    const std::vector<char> exact(damaged.begin(), damaged.end());
    try {
      int64_t most = 10'000;
      read({exact.data(), exact.size()}, "x", [&](Record&&, const RecordPlace&) { return --most > 0; });
    } catch (const Error&) {
      return true;
    }
    return false;
  };
  for (size_t size = 0; size < bytes.size(); ++size)
    if (!fails(bytes.substr(0, size))) return fmt::format("the first {} bytes are read", size);
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const int change : {0x01, 0x80, 0xff}) {
      std::string damaged = bytes;
      damaged[at] = char(damaged[at] ^ change);
      fails(damaged);
    }
  }
  return "";
}

}  // namespace fettle
