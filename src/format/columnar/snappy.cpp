#include "format/columnar/snappy.h"

#include "format/columnar/byte_cursor.h"

namespace fettle {

namespace {

/// What has been written so far, which copies refer back to.
class Output {
 public:
  explicit Output(std::span<char> room) : room_(room) {}

  bool full() const { return made_ == room_.size(); }
  size_t made() const { return made_; }

  void literal(std::string_view text) {
    expect(text.size());
    std::copy(text.begin(), text.end(), room_.begin() + int64_t(made_));
    made_ += text.size();
  }

  // A copy may overlap what it makes: distance 1 repeats the last byte.
  void copy(size_t distance, size_t length) {
    if (distance == 0 || distance > made_)
      fail_data(fmt::format("snappy data that copies from {} bytes back, {} bytes in", distance, made_));
    expect(length);
    for (size_t i = 0; i < length; ++i) room_[made_ + i] = room_[made_ + i - distance];
    made_ += length;
  }

 private:
  void expect(size_t length) const {
    if (length > room_.size() - made_)
      fail_data(fmt::format("snappy data that unpacks to more than the {} bytes promised", room_.size()));
  }
  std::span<char> room_;
  size_t made_ = 0;
};

uint32_t little_endian(ByteCursor& in, size_t bytes) {
  uint32_t value = 0;
  std::memcpy(&value, in.take(bytes, "a snappy length").data(), bytes);
  return value;
}

// The two lowest bits of a tag: a literal, or a copy with 1, 2 or 4 bytes of distance.
void unpack_element(ByteCursor& in, Output& out) {
  const auto tag = in.read<uint8_t>("a snappy tag");
  const size_t upper = tag >> 2;
  switch (tag & 3) {
    case 0: {
      constexpr size_t kLongestInTag = 60;  // beyond it, that many bytes of length follow
      const size_t length = upper < kLongestInTag ? upper : little_endian(in, upper - kLongestInTag + 1);
      return out.literal(in.take(length + 1, "a snappy literal"));
    }
    case 1: {
      const size_t high = size_t(tag >> 5) << 8;
      return out.copy(high | little_endian(in, 1), (upper & 7) + 4);
    }
    case 2:
      return out.copy(little_endian(in, 2), upper + 1);
    default:
      return out.copy(little_endian(in, 4), upper + 1);
  }
}

}  // namespace

void unpack_snappy(std::string_view block, std::span<char> out) {
  ByteCursor in(block);
  const uint64_t length = in.varint("the length of snappy data");
  if (length != out.size())
    fail_data(fmt::format("snappy data of {} bytes where {} were promised", length, out.size()));
  Output output(out);
  while (in.left() > 0) unpack_element(in, output);
  if (!output.full())
    fail_data(fmt::format("snappy data that ends after {} of {} bytes", output.made(), out.size()));
}

}  // namespace fettle
