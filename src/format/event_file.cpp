#include "format/event_file.h"

#include <array>
#include <bit>
#include <cstring>

#include "base/file.h"

namespace fettle {

namespace {
constexpr std::array<uint32_t, 256> crc_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);  // bits reversed
    table[byte] = crc;
  }
  return table;
}

// So that a checksum of data with checksums in it is no special case.
uint32_t masked(uint32_t crc) {
  return std::rotr(crc, 15) + 0xa282ead8u;
}

template <class T>
void put(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  char bytes[sizeof value];
  std::memcpy(bytes, &value, sizeof value);
  out.append(bytes, sizeof value);
}

// ── protobuf's wire format ──
enum Wire : uint32_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

void put_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(char(value & 0x7f) | char(-128));
  out.push_back(char(value));
}

void put_key(std::string& out, uint32_t field, Wire wire) {
  put_varint(out, field << 3 | wire);
}

void put_bytes(std::string& out, uint32_t field, std::string_view value) {
  put_key(out, field, bytes);
  put_varint(out, value.size());
  out += value;
}

std::string event(double wall_time, int64_t step) {
  std::string message;
  put_key(message, 1, fixed64);
  put(message, wall_time);
  put_key(message, 2, varint);
  put_varint(message, uint64_t(step));
  return message;
}

std::string framed(std::string_view message) {
  std::string frame;
  put(frame, uint64_t(message.size()));
  put(frame, masked(crc32c(frame)));
  frame += message;
  put(frame, masked(crc32c(message)));
  return frame;
}
}  // namespace

uint32_t crc32c(std::string_view bytes) {
  static constexpr auto kTable = crc_table();
  uint32_t crc = ~0u;
  for (char c : bytes) crc = kTable[(crc ^ uint8_t(c)) & 0xff] ^ crc >> 8;
  return ~crc;
}

EventFile::EventFile(std::filesystem::path path, double wall_time) : path_(std::move(path)) {
  std::string version = event(wall_time, 0);
  put_bytes(version, 3, "brain.Event:2");
  write_atomic(path_, framed(version));
}

void EventFile::add(int64_t step, double wall_time, std::span<const Scalar> scalars) const {
  std::string summary;
  for (const Scalar& scalar : scalars) {
    std::string value;
    put_bytes(value, 1, scalar.tag);
    put_key(value, 2, fixed32);
    put(value, scalar.value);
    put_bytes(summary, 1, value);
  }
  std::string message = event(wall_time, step);
  put_bytes(message, 5, summary);
  append_bytes(path_, framed(message));
}

}  // namespace fettle
