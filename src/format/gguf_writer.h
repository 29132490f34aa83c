// Writing GGUF version 3: metadata in the order it was set, tensors in the order they are given, atomically.
#pragma once

#include "format/gguf.h"

namespace fettle {

/// Metadata to write. Setting a key that is there replaces its value in its place.
class GgufMetadata {
 public:
  void set_text(std::string_view key, std::string_view value);
  void set_flag(std::string_view key, bool value);
  void set_u16(std::string_view key, uint16_t value);
  void set_u32(std::string_view key, uint32_t value);
  void set_i32(std::string_view key, int32_t value);
  void set_u64(std::string_view key, uint64_t value);
  void set_f32(std::string_view key, float value);
  void set_f64(std::string_view key, double value);
  void set_texts(std::string_view key, std::span<const std::string> values);
  void set_i32s(std::string_view key, std::span<const int32_t> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  /// An entry of another file as it stands there.
  void set_raw(const GgufRaw& entry);
  void erase(std::string_view key);

 private:
  struct Entry {
    std::string key;
    uint32_t type;
    std::string value;  // encoded
  };
  void set(std::string_view key, uint32_t type, std::string value);
  std::vector<Entry> entries_;
  friend class GgufWriter;
};

using ByteSink = std::function<void(std::span<const std::byte>)>;

/// Sends the whole file through `sink`. The alignment is general.alignment where it is set, else 32. A tensor
/// type without a GGUF id, a shape of more than four dimensions or one that is not whole blocks, a name of
/// over 63 bytes or a name given twice is an Error naming the tensor.
void write_gguf(const ByteSink& sink, const GgufMetadata& metadata, std::span<const TensorToWrite> tensors);
/// The same into a file, which is there in full or not at all.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorToWrite> tensors);

}  // namespace fettle
