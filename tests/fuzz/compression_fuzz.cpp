// links: format
// Any bytes unpack within the limit, or are an Error. The first byte picks the compression; the rest stands
// behind its magic bytes, which a fuzzer would take long to find.
#include "base/error.h"
#include "format/compression.h"

using namespace fettle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Compression& how = compressions()[data[0] % compressions().size()];
  const std::string bytes =
      std::string(how.magic) + std::string(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    unpacked(how, bytes, "fuzz");
  } catch (const Error&) {
  }
  return 0;
}
