// Written files against a reader of its own: bytes, checksums, fields.
#include "format/event_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <cstring>
#include <map>
#include <vector>

#include "base/file.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

// Bit by bit, from the polynomial's definition.
uint32_t slow_crc32c(std::string_view bytes) {
  uint32_t crc = 0xffffffff;
  for (unsigned char c : bytes)
    for (int bit = 0; bit < 8; ++bit) {
      const bool one = (crc ^ uint32_t(c >> bit)) & 1;
      crc >>= 1;
      if (one) crc ^= 0x82f63b78;
    }
  return crc ^ 0xffffffff;
}

uint32_t mask(uint32_t crc) {
  return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

template <class T>
T get(std::string_view bytes, size_t at) {
  T value;
  EXPECT_LE(at + sizeof value, bytes.size());
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Field {
  uint64_t number = 0;
  std::string_view bytes;
};

uint64_t varint(std::string_view& in) {
  uint64_t value = 0;
  for (int shift = 0; !in.empty(); shift += 7) {
    const auto byte = uint8_t(in.front());
    in.remove_prefix(1);
    value |= uint64_t(byte & 127) << shift;
    if (byte < 128) break;
  }
  return value;
}

std::multimap<uint64_t, Field> fields(std::string_view in) {
  std::multimap<uint64_t, Field> found;
  while (!in.empty()) {
    const uint64_t key = varint(in);
    Field field;
    if ((key & 7) == 0) {
      field.number = varint(in);
    } else {
      const size_t size = (key & 7) == 1 ? 8 : (key & 7) == 5 ? 4 : size_t(varint(in));
      field.bytes = in.substr(0, size);
      in.remove_prefix(size);
    }
    found.emplace(key >> 3, field);
  }
  return found;
}

std::vector<std::string_view> messages(std::string_view file) {
  std::vector<std::string_view> found;
  for (size_t at = 0; at < file.size();) {
    const auto size = get<uint64_t>(file, at);
    EXPECT_EQ(get<uint32_t>(file, at + 8), mask(slow_crc32c(file.substr(at, 8))));
    found.push_back(file.substr(at + 12, size));
    EXPECT_EQ(get<uint32_t>(file, at + 12 + size), mask(slow_crc32c(found.back())));
    at += 16 + size;
  }
  return found;
}
}  // namespace

TEST(EventFile, ChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);  // the check value of the catalogue of CRCs
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aau);  // RFC 3720, B.4
}

TEST(EventFile, ReadsBackByAReaderOfItsOwn) {
  char name[] = "/tmp/fettle-events-XXXXXX";
  const fs::path dir = ::mkdtemp(name);
  const EventFile file(dir / "events.out.tfevents.1", 1700000000.5);
  const Scalar first[] = {{"train/loss", 2.5f}, {"train/learning_rate", 1e-4f}};
  file.add(300, 1700000001.25, first);
  const Scalar second[] = {{"eval/loss", -0.f}};
  file.add(int64_t(1) << 40, 1700000002, second);
  const std::string text = read_text(file.path());
  const auto events = messages(text);
  ASSERT_EQ(events.size(), 3u);

  auto version = fields(events[0]);
  EXPECT_EQ(version.find(3)->second.bytes, "brain.Event:2");
  EXPECT_EQ(get<double>(version.find(1)->second.bytes, 0), 1700000000.5);

  auto event = fields(events[1]);
  EXPECT_EQ(get<double>(event.find(1)->second.bytes, 0), 1700000001.25);
  EXPECT_EQ(event.find(2)->second.number, 300u);
  auto summary = fields(event.find(5)->second.bytes);
  ASSERT_EQ(summary.count(1), 2u);
  auto value = fields(summary.begin()->second.bytes);
  EXPECT_EQ(value.find(1)->second.bytes, "train/loss");
  EXPECT_EQ(get<float>(value.find(2)->second.bytes, 0), 2.5f);
  value = fields(std::next(summary.begin())->second.bytes);
  EXPECT_EQ(value.find(1)->second.bytes, "train/learning_rate");
  EXPECT_EQ(get<float>(value.find(2)->second.bytes, 0), 1e-4f);

  EXPECT_EQ(fields(events[2]).find(2)->second.number, uint64_t(1) << 40);
  fs::remove_all(dir);
}

}  // namespace fettle
