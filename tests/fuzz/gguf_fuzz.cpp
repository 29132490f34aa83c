// links: format
// Any bytes are a GGUF file or an Error; a file that was accepted can be read to its last byte and copied.
#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "format/gguf_writer.h"

using namespace fettle;

namespace {
uint8_t touch(std::span<const std::byte> data) {
  uint8_t sum = 0;
  for (std::byte b : data) sum = uint8_t(sum + uint8_t(b));
  return sum;
}

void copy(const GgufFile& file) {
  GgufMetadata metadata;
  for (const GgufRaw& entry : file.raw_metadata()) metadata.set_raw(entry);
  std::vector<TensorToWrite> tensors;
  for (const TensorEntry& t : file.tensors()) {
    tensors.push_back({t.name, t.type, t.shape, [data = t.data](const auto& sink) { sink(data); }});
  }
  std::vector<std::byte> bytes;
  write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); },
             metadata, tensors);
  const auto again = GgufFile::parse(bytes, "copy");
  const auto same = [](const GgufRaw& a, const GgufRaw& b) {
    return a.key == b.key && a.type == b.type && std::ranges::equal(a.value, b.value);
  };
  if (!std::ranges::equal(again->raw_metadata(), file.raw_metadata(), same)) std::abort();
  const auto equal = [](const TensorEntry& a, const TensorEntry& b) {
    return a.name == b.name && a.shape == b.shape && std::ranges::equal(a.data, b.data);
  };
  if (!std::ranges::equal(again->tensors(), file.tensors(), equal)) std::abort();
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const auto file = GgufFile::parse(std::as_bytes(std::span(data, size)), "fuzz");
    volatile uint8_t sink = 0;
    for (const TensorEntry& tensor : file->tensors()) sink = sink + touch(tensor.data);
    copy(*file);
  } catch (const Error&) {
  }
  return 0;
}
