// links: format
// Any bytes are a safetensors file or an Error; an accepted file's tensors cover its data exactly.
#include <cstdlib>

#include "base/error.h"
#include "format/safetensors.h"

using namespace fettle;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = SafetensorsFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
    volatile uint8_t sink = 0;
    for (const TensorEntry& tensor : file->tensors()) {
      for (std::byte b : tensor.data) sink = sink + uint8_t(b);
    }
    if (total_bytes(*file) + 8 > int64_t(size)) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
