#include "format/columnar/thrift.h"

#include <limits>

namespace fettle {

namespace {
constexpr int kDeepest = 32;  // Parquet's own headers nest seven deep
}

void ThriftReader::enter() {
  if (++depth_ > kDeepest) fail_data(fmt::format("a header nested more than {} deep", kDeepest));
}

ThriftReader::Field ThriftReader::header(int& id) {
  const auto byte = in_.read<uint8_t>("a header's field");
  const auto type = ThriftType(byte & 0xf);
  if (type == ThriftType::stop) return {0, type};
  if (type > ThriftType::structure) fail_data(fmt::format("a header's field of unknown type {}", byte & 0xf));
  const int64_t step = byte >> 4;
  const int64_t next = step > 0 ? id + step : in_.zigzag("a field's number");
  if (next < 0 || next > std::numeric_limits<int16_t>::max())
    fail_data(fmt::format("a header's field of number {}", next));
  id = int(next);
  return {id, type};
}

void ThriftReader::expect(Field& field, ThriftType type) {
  if (field.type != type)
    fail_data(fmt::format("field {} of a header has type {}, not {}", field.id, int(field.type), int(type)));
  field.read = true;
}

bool ThriftReader::boolean(Field& field) {
  if (field.type != ThriftType::yes) expect(field, ThriftType::no);
  field.read = true;
  return field.type == ThriftType::yes;
}

int32_t ThriftReader::i32(Field& field) {
  expect(field, ThriftType::i32);
  const int64_t value = in_.zigzag("a number of a header");
  if (value != int32_t(value)) fail_data(fmt::format("field {} of a header is {}", field.id, value));
  return int32_t(value);
}

int64_t ThriftReader::i64(Field& field) {
  expect(field, ThriftType::i64);
  return in_.zigzag("a number of a header");
}

std::string ThriftReader::text(Field& field) {
  expect(field, ThriftType::binary);
  return text_element();
}

uint64_t ThriftReader::list_header(Field& field, ThriftType elements) {
  expect(field, ThriftType::list);
  const auto byte = in_.read<uint8_t>("a list's header");
  const uint64_t count = (byte >> 4) < 15 ? byte >> 4 : in_.varint("a list's length");
  if (count > in_.left()) fail_data(fmt::format("a list of {} where {} bytes are left", count, in_.left()));
  if (count > 0 && ThriftType(byte & 0xf) != elements)
    fail_data(fmt::format("field {} of a header lists type {}, not {}", field.id, byte & 0xf, int(elements)));
  return count;
}

void ThriftReader::skip(ThriftType type) {
  if (type != ThriftType::yes && type != ThriftType::no) skip_element(type);
}

// In a list or map a bool is a byte; as a field it has none.
void ThriftReader::skip_element(ThriftType type) {
  constexpr std::string_view kWhat = "a value of a header";
  switch (type) {
    case ThriftType::yes:
    case ThriftType::no:
    case ThriftType::byte:
      in_.take(1, kWhat);
      return;
    case ThriftType::i16:
    case ThriftType::i32:
    case ThriftType::i64:
      in_.varint(kWhat);
      return;
    case ThriftType::real:
      in_.take(8, kWhat);
      return;
    case ThriftType::binary:
      in_.take(in_.varint(kWhat), kWhat);
      return;
    case ThriftType::list:
    case ThriftType::set: {
      enter();
      const auto byte = in_.read<uint8_t>(kWhat);
      const uint64_t count = (byte >> 4) < 15 ? byte >> 4 : in_.varint(kWhat);
      for (uint64_t i = 0; i < count; ++i) skip_element(ThriftType(byte & 0xf));
      --depth_;
      return;
    }
    case ThriftType::structure:
      return fields([](Field&) {});
    default:  // Parquet has no maps
      fail_data(fmt::format("a header's value of type {}", int(type)));
  }
}

}  // namespace fettle
