#include "format/gguf_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "base/error.h"
#include "format/gguf_types.h"

namespace fettle {

namespace {
constexpr uint32_t kVersion = 3;
enum TypeId : uint32_t {
  kU16 = 2,
  kU32 = 4,
  kI32 = 5,
  kF32 = 6,
  kBool = 7,
  kString = 8,
  kU64 = 10,
  kF64 = 12
};

template <class T>
void append(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

void append_string(std::string& out, std::string_view text) {
  append(out, uint64_t(text.size()));
  out.append(text);
}

template <class T>
std::string encoded(T value) {
  std::string out;
  append(out, value);
  return out;
}

std::string array_head(uint32_t type, size_t count) {
  std::string out;
  append(out, type);
  append(out, uint64_t(count));
  return out;
}

template <class T>
std::string encoded_array(uint32_t type, std::span<const T> values) {
  std::string out = array_head(type, values.size());
  for (T value : values) append(out, value);
  return out;
}
}  // namespace

void GgufMetadata::set(std::string_view key, uint32_t type, std::string value) {
  auto it = std::ranges::find(entries_, key, &Entry::key);
  if (it == entries_.end()) it = entries_.insert(it, Entry{std::string(key), 0, {}});
  it->type = type;
  it->value = std::move(value);
}

void GgufMetadata::set_text(std::string_view key, std::string_view value) {
  std::string out;
  append_string(out, value);
  set(key, kString, std::move(out));
}
void GgufMetadata::set_flag(std::string_view key, bool value) {
  set(key, kBool, encoded(uint8_t(value)));
}
void GgufMetadata::set_u16(std::string_view key, uint16_t value) {
  set(key, kU16, encoded(value));
}
void GgufMetadata::set_u32(std::string_view key, uint32_t value) {
  set(key, kU32, encoded(value));
}
void GgufMetadata::set_i32(std::string_view key, int32_t value) {
  set(key, kI32, encoded(value));
}
void GgufMetadata::set_u64(std::string_view key, uint64_t value) {
  set(key, kU64, encoded(value));
}
void GgufMetadata::set_f32(std::string_view key, float value) {
  set(key, kF32, encoded(value));
}
void GgufMetadata::set_f64(std::string_view key, double value) {
  set(key, kF64, encoded(value));
}
void GgufMetadata::set_i32s(std::string_view key, std::span<const int32_t> values) {
  set(key, kGgufArray, encoded_array(kI32, values));
}
void GgufMetadata::set_f32s(std::string_view key, std::span<const float> values) {
  set(key, kGgufArray, encoded_array(kF32, values));
}

void GgufMetadata::set_texts(std::string_view key, std::span<const std::string> values) {
  std::string out = array_head(kString, values.size());
  for (const std::string& value : values) append_string(out, value);
  set(key, kGgufArray, std::move(out));
}

void GgufMetadata::set_raw(const GgufRaw& entry) {
  set(entry.key, entry.type, {reinterpret_cast<const char*>(entry.value.data()), entry.value.size()});
}

void GgufMetadata::erase(std::string_view key) {
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
}

/// Header first: every offset follows from types and shapes, so the data can be produced late and once.
class GgufWriter {
 public:
  GgufWriter(const ByteSink& sink, const GgufMetadata& metadata, std::span<const TensorToWrite> tensors)
      : sink_(sink), metadata_(metadata), tensors_(tensors), alignment_(alignment()) {}

  void write() {
    for (const TensorToWrite& tensor : tensors_) check(tensor);
    send(header());
    pad();
    for (const TensorToWrite& tensor : tensors_) write_tensor(tensor);
  }

 private:
  uint64_t alignment() const {
    auto it = std::ranges::find(metadata_.entries_, "general.alignment", &GgufMetadata::Entry::key);
    if (it == metadata_.entries_.end()) return uint64_t(kGgufAlignment);
    uint32_t value = 0;
    FETTLE_CHECK(it->type == kU32, "general.alignment must be uint32");
    std::memcpy(&value, it->value.data(), sizeof value);
    FETTLE_CHECK(value != 0 && (value & (value - 1)) == 0, "general.alignment {}", value);
    return value;
  }

  uint64_t padded(uint64_t n) const { return (n + alignment_ - 1) & ~(alignment_ - 1); }

  void check(const TensorToWrite& tensor) {
    const DTypeInfo& type = info(tensor.type);
    const char* fault = type.gguf_id < 0                                 ? "GGUF has no such type"
                        : tensor.name.empty() || tensor.name.size() > 63 ? "names are 1 to 63 bytes long"
                        : tensor.shape.size() > 4                        ? "at most 4 dimensions are allowed"
                        : !tensor_bytes(tensor.type, tensor.shape) ? "rows must be whole blocks of the type"
                        : !names_.insert(tensor.name).second       ? "the name is given twice"
                                                                   : nullptr;
    if (fault) {
      throw Error({.what = fmt::format("tensor {} ({}, [{}]) cannot be written to GGUF: {}", tensor.name,
                                       type.name, fmt::join(tensor.shape, ", "), fault)});
    }
  }

  std::string header() const {
    std::string out = "GGUF";
    append(out, kVersion);
    append(out, uint64_t(tensors_.size()));
    append(out, uint64_t(metadata_.entries_.size()));
    for (const auto& entry : metadata_.entries_) {
      append_string(out, entry.key);
      append(out, entry.type);
      out += entry.value;
    }
    uint64_t offset = 0;
    for (const TensorToWrite& tensor : tensors_) {
      append_string(out, tensor.name);
      append(out, uint32_t(tensor.shape.size()));
      for (auto d = tensor.shape.rbegin(); d != tensor.shape.rend(); ++d) append(out, *d);
      append(out, uint32_t(info(tensor.type).gguf_id));
      append(out, offset);
      offset = padded(offset + uint64_t(*tensor_bytes(tensor.type, tensor.shape)));
    }
    return out;
  }

  void write_tensor(const TensorToWrite& tensor) {
    const uint64_t begin = sent_;
    tensor.produce([&](std::span<const std::byte> part) {
      sink_(part);
      sent_ += part.size();
    });
    FETTLE_CHECK(sent_ - begin == uint64_t(*tensor_bytes(tensor.type, tensor.shape)),
                 "tensor {} gave {} bytes", tensor.name, sent_ - begin);
    pad();
  }

  void send(std::string_view text) {
    sink_(std::as_bytes(std::span(text.data(), text.size())));
    sent_ += text.size();
  }
  void pad() { send(std::string(size_t(padded(sent_) - sent_), '\0')); }

  const ByteSink& sink_;
  const GgufMetadata& metadata_;
  std::span<const TensorToWrite> tensors_;
  uint64_t alignment_, sent_ = 0;
  std::set<std::string> names_;
};

void write_gguf(const ByteSink& sink, const GgufMetadata& metadata, std::span<const TensorToWrite> tensors) {
  GgufWriter(sink, metadata, tensors).write();
}

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorToWrite> tensors) {
  AtomicFile file(path);
  write_gguf([&](std::span<const std::byte> part) { file.write(part); }, metadata, tensors);
  file.commit();
}

}  // namespace fettle
