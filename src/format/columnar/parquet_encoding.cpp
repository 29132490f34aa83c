#include "format/columnar/parquet_encoding.h"

#include <algorithm>

#include "format/columnar/delta_decoder.h"

namespace fettle {

RunDecoder::RunDecoder(std::string_view bytes, int width) : in_(bytes), width_(width) {
  constexpr int kWidest = 32;
  if (width < 0 || width > kWidest) fail_data(fmt::format("numbers of {} bits", width));
}

void RunDecoder::begin_run() {
  const uint64_t header = in_.varint("a run's header");
  packed_ = header & 1;
  const uint64_t length = header >> 1;  // packed: in groups of eight
  if (length == 0 || length > UINT32_MAX) fail_data(fmt::format("a run of {}", length));
  if (packed_) {
    // The last run may leave out the bytes that only fill its last group.
    const uint64_t bytes = std::min<uint64_t>(length * uint64_t(width_), in_.left());
    bits_ = in_.take(bytes, "a run");
    bit_ = 0;
    left_ = width_ == 0 ? length * 8 : bytes * 8 / uint64_t(width_);
    if (left_ == 0) fail_data("a run that ends before its first number");
  } else {
    const std::string_view value = in_.take(uint64_t(width_ + 7) / 8, "a run's number");
    repeated_ = uint32_t(bits_at(value, 0, int(value.size()) * 8));
    left_ = length;
  }
}

uint32_t RunDecoder::next() {
  if (left_ == 0) begin_run();
  --left_;
  if (!packed_) return repeated_;
  const uint64_t at = bit_;
  bit_ += uint64_t(width_);
  return uint32_t(bits_at(bits_, at, width_));
}

namespace {

class Plain final : public ValueDecoder {
 public:
  explicit Plain(const PageValues& page) : in_(page.bytes), leaf_(page.leaf) {}

  StoredValue next() override {
    switch (leaf_.type) {
      case ParquetType::boolean:
        return boolean();
      case ParquetType::int32:
        return {.integer = in_.read<int32_t>("a value")};
      case ParquetType::int64:
        return {.integer = in_.read<int64_t>("a value")};
      case ParquetType::int96:
        return {.bytes = in_.take(12, "a value")};
      case ParquetType::float32:
        return {.real = in_.read<float>("a value")};
      case ParquetType::float64:
        return {.real = in_.read<double>("a value")};
      case ParquetType::byte_array:
        return {.bytes = in_.take(in_.read<uint32_t>("a value's length"), "a value")};
      case ParquetType::fixed_bytes:
        break;
    }
    return {.bytes = in_.take(uint64_t(leaf_.type_length), "a value")};
  }

 private:
  StoredValue boolean() {
    if (bit_ == 8) {
      byte_ = in_.read<uint8_t>("a value");
      bit_ = 0;
    }
    return {.integer = (byte_ >> bit_++) & 1};
  }

  ByteCursor in_;
  const ParquetLeaf& leaf_;
  uint8_t byte_ = 0;
  int bit_ = 8;
};

class Dictionary final : public ValueDecoder {
 public:
  explicit Dictionary(const PageValues& page)
      : dictionary_(*page.dictionary), indices_(page.bytes.substr(1), uint8_t(page.bytes[0])) {}

  StoredValue next() override {
    const uint32_t index = indices_.next();
    if (index >= dictionary_.size())
      fail_data(fmt::format("entry {} of a dictionary of {}", index, dictionary_.size()));
    return dictionary_[index];
  }

 private:
  const std::vector<StoredValue>& dictionary_;
  RunDecoder indices_;
};

class RunBooleans final : public ValueDecoder {
 public:
  explicit RunBooleans(const PageValues& page) : runs_(sized(page.bytes), 1) {}
  StoredValue next() override { return {.integer = runs_.next()}; }

 private:
  static std::string_view sized(std::string_view bytes) {
    ByteCursor in(bytes);
    return in.take(in.read<uint32_t>("the runs' length"), "the runs");
  }
  RunDecoder runs_;
};

class DeltaIntegers final : public ValueDecoder {
 public:
  explicit DeltaIntegers(const PageValues& page)
      : deltas_(page.bytes, page.most), narrow_(page.leaf.type == ParquetType::int32) {}
  StoredValue next() override {
    const int64_t value = deltas_.next();
    return {.integer = narrow_ ? int32_t(value) : value};
  }

 private:
  DeltaDecoder deltas_;
  bool narrow_;
};

/// DELTA_LENGTH_BYTE_ARRAY: all lengths, then all bytes.
class DeltaLengths final : public ValueDecoder {
 public:
  DeltaLengths(std::string_view bytes, uint64_t most) : lengths_(bytes, most), in_(lengths_.behind()) {}
  explicit DeltaLengths(const PageValues& page) : DeltaLengths(page.bytes, page.most) {}

  StoredValue next() override {
    const int64_t length = lengths_.next();
    if (length < 0) fail_data(fmt::format("a value of {} bytes", length));
    return {.bytes = in_.take(uint64_t(length), "a value")};
  }

 private:
  DeltaDecoder lengths_;
  ByteCursor in_;
};

/// DELTA_BYTE_ARRAY: how much each value shares with the one before, then what follows.
class DeltaStrings final : public ValueDecoder {
 public:
  explicit DeltaStrings(const PageValues& page)
      : shared_(page.bytes, page.most), endings_(shared_.behind(), page.most), leaf_(page.leaf) {}

  StoredValue next() override {
    const int64_t shared = shared_.next();
    if (shared < 0 || uint64_t(shared) > value_.size())
      fail_data(fmt::format("a value that shares {} bytes with one of {}", shared, value_.size()));
    value_.resize(size_t(shared));
    value_ += endings_.next().bytes;
    if (leaf_.type == ParquetType::fixed_bytes && value_.size() != size_t(leaf_.type_length))
      fail_data(fmt::format("a value of {} bytes in a column of {}", value_.size(), leaf_.type_length));
    return {.bytes = value_};
  }

 private:
  DeltaDecoder shared_;
  DeltaLengths endings_;
  const ParquetLeaf& leaf_;
  std::string value_;
};

bool is_one_of(ParquetType type, std::initializer_list<ParquetType> types) {
  return std::ranges::find(types, type) != types.end();
}

void expect_type(const PageValues& page, std::initializer_list<ParquetType> types) {
  if (!is_one_of(page.leaf.type, types))
    fail_data(fmt::format("an encoding that values of storage type {} do not have", int(page.leaf.type)));
}

std::unique_ptr<ValueDecoder> make_plain(const PageValues& page) {
  return std::make_unique<Plain>(page);
}

std::unique_ptr<ValueDecoder> make_dictionary(const PageValues& page) {
  if (!page.dictionary) fail_data("a page refers to a dictionary that the column does not have");
  if (page.bytes.empty()) fail_data("a page of dictionary entries without their width");
  return std::make_unique<Dictionary>(page);
}

std::unique_ptr<ValueDecoder> make_runs(const PageValues& page) {
  expect_type(page, {ParquetType::boolean});
  return std::make_unique<RunBooleans>(page);
}

std::unique_ptr<ValueDecoder> make_delta_integers(const PageValues& page) {
  expect_type(page, {ParquetType::int32, ParquetType::int64});
  return std::make_unique<DeltaIntegers>(page);
}

std::unique_ptr<ValueDecoder> make_delta_lengths(const PageValues& page) {
  expect_type(page, {ParquetType::byte_array});
  return std::make_unique<DeltaLengths>(page);
}

std::unique_ptr<ValueDecoder> make_delta_strings(const PageValues& page) {
  expect_type(page, {ParquetType::byte_array, ParquetType::fixed_bytes});
  return std::make_unique<DeltaStrings>(page);
}

constexpr ParquetEncoding kRows[] = {
    {0, "PLAIN", make_plain},
    {2, "PLAIN_DICTIONARY", make_dictionary},
    {3, "RLE", make_runs},
    {4, "BIT_PACKED", nullptr},
    {5, "DELTA_BINARY_PACKED", make_delta_integers},
    {6, "DELTA_LENGTH_BYTE_ARRAY", make_delta_lengths},
    {7, "DELTA_BYTE_ARRAY", make_delta_strings},
    {8, "RLE_DICTIONARY", make_dictionary},
    {9, "BYTE_STREAM_SPLIT", nullptr},
};

}  // namespace

std::span<const ParquetEncoding> parquet_encodings() {
  return kRows;
}

std::unique_ptr<ValueDecoder> make_value_decoder(int32_t encoding, const PageValues& page) {
  const auto row = std::ranges::find(kRows, encoding, &ParquetEncoding::id);
  if (row == std::end(kRows)) fail_data(fmt::format("values of the unknown encoding {}", encoding));
  if (!row->make)
    fail_data(fmt::format("values are encoded as {}, which is not read here", row->name),
              "write the file with the encodings PLAIN or RLE_DICTIONARY");
  return row->make(page);
}

}  // namespace fettle
