// Reading of untrusted binary data front to back, every size checked against what is left.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/error.h"

namespace fettle {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie");

inline constexpr std::string_view kFetchAgain = "the file is damaged or cut off; fetch or write it again";

/// Throws an Error without a place: the reader that knows the column adds it.
[[noreturn]] inline void fail_data(std::string what, std::string_view hint = kFetchAgain) {
  throw Error({.what = std::move(what), .hint = std::string(hint)});
}

/// What takes bytes off the front of `bytes`. `what` names the thing read, for the error.
class ByteCursor {
 public:
  explicit ByteCursor(std::string_view bytes) : rest_(bytes) {}

  std::string_view rest() const { return rest_; }
  size_t left() const { return rest_.size(); }

  std::string_view take(uint64_t count, std::string_view what) {
    if (count > rest_.size())
      fail_data(fmt::format("{} of {} bytes where {} are left", what, count, rest_.size()));
    const std::string_view part = rest_.substr(0, size_t(count));
    rest_.remove_prefix(size_t(count));
    return part;
  }

  template <class T>
  T read(std::string_view what) {
    T value;
    std::memcpy(&value, take(sizeof(T), what).data(), sizeof(T));
    return value;
  }

  /// LEB128, seven bits a byte, the lowest first.
  uint64_t varint(std::string_view what) {
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const auto byte = read<uint8_t>(what);
      value |= uint64_t(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    fail_data(fmt::format("{}: a number of more than 64 bits", what));
  }

  /// Signs folded into the lowest bit: 0, -1, 1, -2 …
  int64_t zigzag(std::string_view what) {
    const uint64_t value = varint(what);
    return int64_t(value >> 1) ^ -int64_t(value & 1);
  }

 private:
  std::string_view rest_;
};

/// `width` (0 to 64) bits from bit `at` of `bytes`, lowest first. The caller has checked that they are there.
inline uint64_t bits_at(std::string_view bytes, uint64_t at, int width) {
  if (width == 0) return 0;
  const auto load = [&](size_t byte) {
    uint64_t value = 0;
    if (byte < bytes.size())
      std::memcpy(&value, bytes.data() + byte, std::min(sizeof(value), bytes.size() - byte));
    return value;
  };
  const size_t byte = size_t(at / 8);
  const int shift = int(at % 8);
  uint64_t value = load(byte) >> shift;
  if (shift + width > 64) value |= load(byte + 8) << (64 - shift);
  return width == 64 ? value : value & ((uint64_t(1) << width) - 1);
}

}  // namespace fettle
