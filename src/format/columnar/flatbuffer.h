// Flatbuffers, in which Arrow writes its headers: tables whose fields may be missing, every offset checked.
#pragma once

#include "format/columnar/byte_cursor.h"

namespace fettle {

/// A table of a buffer, or nothing: the fields of nothing are missing. Errors have no place.
class FlatTable {
 public:
  FlatTable() = default;
  /// The table that the buffer begins with.
  static FlatTable root(std::string_view buffer) { return {buffer, load<uint32_t>(buffer, 0)}; }

  explicit operator bool() const { return !buffer_.empty(); }

  template <class T>
  T number(int slot, T otherwise) const {
    const uint64_t at = place(slot);
    return at == 0 ? otherwise : load<T>(buffer_, at);
  }
  FlatTable table(int slot) const {
    const uint64_t at = target(slot);
    return at == 0 ? FlatTable() : FlatTable(buffer_, at);
  }
  std::string_view text(int slot) const { return elements(slot, 1); }
  /// The bytes of a vector of structs of `size` bytes.
  std::string_view elements(int slot, uint64_t size) const {
    const uint64_t at = target(slot);
    if (at == 0) return {};
    const uint64_t count = load<uint32_t>(buffer_, at);
    const uint64_t left = buffer_.size() - at - sizeof(uint32_t);
    if (count > left / size)
      fail_data(fmt::format("a header's list of {} where {} bytes are left", count, left));
    return buffer_.substr(size_t(at + sizeof(uint32_t)), size_t(count * size));
  }
  /// How many tables a vector holds, and its i-th.
  size_t count(int slot) const { return elements(slot, sizeof(uint32_t)).size() / sizeof(uint32_t); }
  FlatTable item(int slot, size_t i) const {
    const uint64_t at = target(slot) + sizeof(uint32_t) * (1 + i);
    return {buffer_, at + load<uint32_t>(buffer_, at)};
  }

 private:
  FlatTable(std::string_view buffer, uint64_t at) : buffer_(buffer), at_(at) {
    const int64_t fields = int64_t(at) - load<int32_t>(buffer, at);
    if (fields < 0) fail_data(fmt::format("a header's table at {} without fields", at));
    fields_ = uint64_t(fields);
    fields_bytes_ = load<uint16_t>(buffer, fields_);
  }

  template <class T>
  static T load(std::string_view buffer, uint64_t at) {
    if (at > buffer.size() || buffer.size() - at < sizeof(T))
      fail_data(fmt::format("a header of {} bytes refers to byte {}", buffer.size(), at));
    T value;
    std::memcpy(&value, buffer.data() + at, sizeof(T));
    return value;
  }

  // Where a field lies; 0: it is missing.
  uint64_t place(int slot) const {
    constexpr uint64_t kHead = 4;  // the sizes of the list of fields and of the table
    const uint64_t entry = kHead + 2 * uint64_t(slot);
    if (entry + 2 > fields_bytes_) return 0;
    const auto offset = load<uint16_t>(buffer_, fields_ + entry);
    return offset == 0 ? 0 : at_ + offset;
  }
  uint64_t target(int slot) const {
    const uint64_t at = place(slot);
    return at == 0 ? 0 : at + load<uint32_t>(buffer_, at);
  }

  std::string_view buffer_;
  uint64_t at_ = 0, fields_ = 0, fields_bytes_ = 0;
};

}  // namespace fettle
