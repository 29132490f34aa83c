#include "format/columnar/arrow_batch.h"

#include <nlohmann/json.hpp>

#include "base/half.h"
#include "format/compression.h"

namespace fettle {

namespace {

// Slots of the tables RecordBatch and BodyCompression.
enum BatchSlot { kLength = 0, kNodes = 1, kBuffers = 2, kCompression = 3 };
constexpr int kCodecSlot = 0;
constexpr int8_t kLz4 = 0, kZstd = 1;
constexpr uint64_t kPairBytes = 16;  // a node is {length, nulls}, a buffer {offset, length}

int64_t load_integer(const char* at, int64_t width, bool is_signed) {
  uint64_t value = 0;
  std::memcpy(&value, at, size_t(width));
  const int spare = int(64 - 8 * width);
  return is_signed ? int64_t(value << spare) >> spare : int64_t(value);
}

std::pair<int64_t, int64_t> next_pair(std::string_view& pairs, std::string_view what) {
  ByteCursor in(pairs);
  const auto first = in.read<int64_t>(what);
  const auto second = in.read<int64_t>(what);
  pairs = in.rest();
  return {first, second};
}

void expect_bytes(std::string_view buffer, int64_t count, int64_t width, std::string_view what) {
  if (width > 0 && buffer.size() / size_t(width) < size_t(count))
    fail_data(fmt::format("{} of {} bytes for {} values of {}", what, buffer.size(), count, width));
}

void expect_bits(std::string_view buffer, int64_t count, std::string_view what) {
  expect_bytes(buffer, count / 8 + (count % 8 != 0), 1, what);
}

}  // namespace

bool ArrowArray::is_null(int64_t i) const {
  return !validity_.empty() && bits_at(validity_, uint64_t(i), 1) == 0;
}

int64_t ArrowArray::integer(int64_t i, int64_t width, bool is_signed) const {
  return load_integer(data_.data() + i * width, width, is_signed);
}

Record ArrowArray::integer_value(int64_t i) const {
  const int64_t value = integer(i, field_->width, field_->is_signed);
  return field_->is_signed ? Record(value) : Record(uint64_t(value));
}

Record ArrowArray::real_value(int64_t i) const {
  const char* at = data_.data() + i * field_->width;
  if (field_->width == 2) return to_float(f16_t{uint16_t(load_integer(at, 2, false))});
  if (field_->width == 4) {
    float value;
    std::memcpy(&value, at, sizeof(value));
    return value;
  }
  double value;
  std::memcpy(&value, at, sizeof(value));
  return value;
}

// Where the bytes of a text, or the elements of a list, begin and end.
std::pair<int64_t, int64_t> ArrowArray::extent(int64_t i) const {
  const int64_t width = field_->width;
  const int64_t begin = load_integer(offsets_.data() + i * width, width, true);
  const int64_t end = load_integer(offsets_.data() + (i + 1) * width, width, true);
  if (begin < 0 || end < begin) fail_data(fmt::format("a value from {} to {}", begin, end));
  return {begin, end};
}

std::string_view ArrowArray::bytes_of(int64_t i) const {
  const auto [begin, end] = extent(i);
  if (size_t(end) > data_.size())
    fail_data(fmt::format("a value from {} to {} where there are {} bytes", begin, end, data_.size()));
  return data_.substr(size_t(begin), size_t(end - begin));
}

Record ArrowArray::elements(int64_t begin, int64_t end, UnfoldLimit& limit) const {
  Record array = Record::array();
  for (int64_t i = begin; i < end; ++i) array.push_back(children_.front().value(i, limit));
  return array;
}

Record ArrowArray::from_dictionary(int64_t i, UnfoldLimit& limit) const {
  const int64_t index = integer(i, field_->dictionary->width, field_->dictionary->is_signed);
  int64_t rest = index;
  for (const auto& part : *dictionary_) {
    if (rest >= 0 && rest < part->length()) return part->value(rest, limit);
    rest -= part->length();
  }
  fail_data(fmt::format("entry {} of a dictionary that has {}", index, index - rest));
}

Record ArrowArray::value(int64_t i, UnfoldLimit& limit) const {
  if (i < 0 || i >= length_) fail_data(fmt::format("value {} of a column of {}", i, length_));
  limit.add(0);
  if (is_null(i)) return nullptr;
  if (dictionary_) return from_dictionary(i, limit);
  switch (field_->kind) {
    case ArrowKind::nothing:
      return nullptr;
    case ArrowKind::boolean:
      return bits_at(data_, uint64_t(i), 1) != 0;
    case ArrowKind::integer:
      return integer_value(i);
    case ArrowKind::real:
      return real_value(i);
    case ArrowKind::text:
      return limit.add(bytes_of(i).size()), text_value(bytes_of(i));
    case ArrowKind::binary:
      return limit.add(bytes_of(i).size()), binary_value(bytes_of(i));
    case ArrowKind::fixed_bytes:
      limit.add(size_t(field_->width));
      return binary_value(data_.substr(size_t(i * field_->width), size_t(field_->width)));
    case ArrowKind::list: {
      const auto [begin, end] = extent(i);
      return elements(begin, end, limit);
    }
    case ArrowKind::fixed_list:
      return elements(i * field_->width, (i + 1) * field_->width, limit);
    case ArrowKind::structure:
      break;
  }
  Record object = Record::object();
  for (const ArrowArray& child : children_) object[child.field().name] = child.value(i, limit);
  return object;
}

ArrowBatch::ArrowBatch(const FlatTable& table, std::string_view body, const ArrowDictionaries& dictionaries,
                       uint64_t most_rows, UnfoldLimit& limit)
    : body_(body),
      nodes_(table.elements(kNodes, kPairBytes)),
      buffers_(table.elements(kBuffers, kPairBytes)),
      dictionaries_(dictionaries),
      most_rows_(most_rows),
      limit_(limit),
      rows_(table.number<int64_t>(kLength, 0)) {
  if (rows_ < 0 || uint64_t(rows_) > most_rows) fail_data(fmt::format("a batch of {} rows", rows_));
  const FlatTable compression = table.table(kCompression);
  if (!compression) return;
  const auto codec = compression.number<int8_t>(kCodecSlot, kLz4);
  if (codec != kZstd)
    fail_data(codec == kLz4 ? "the batches are compressed with LZ4, which is not read here"
                            : fmt::format("the batches are compressed with the unknown codec {}", codec),
              "write the file with compression zstd or none");
  compressed_ = true;
}

// Compressed buffers begin with their size, or with -1 where compressing did not help.
std::string_view ArrowBatch::unpacked(std::string_view packed) {
  if (!compressed_ || packed.empty()) return packed;
  ByteCursor in(packed);
  const auto size = in.read<int64_t>("a buffer's size");
  if (size == -1) return in.rest();
  if (size < 0) fail_data(fmt::format("a buffer that unpacks to {} bytes", size));
  limit_.add(size_t(size));
  std::string& out = storage_.emplace_back(size_t(size), '\0');
  unpack_block(compressions()[kZstdRow], in.rest(), out);
  return out;
}

std::string_view ArrowBatch::buffer() {
  const auto [offset, length] = next_pair(buffers_, "a buffer's place");
  if (offset < 0 || length < 0 || size_t(offset) > body_.size() ||
      size_t(length) > body_.size() - size_t(offset))
    fail_data(fmt::format("a buffer of {} bytes at {} in a body of {}", length, offset, body_.size()));
  return unpacked(body_.substr(size_t(offset), size_t(length)));
}

void ArrowBatch::read_values(ArrowArray& array) {
  const ArrowField& field = *array.field_;
  switch (field.kind) {
    case ArrowKind::nothing:
      return;
    case ArrowKind::boolean:
      array.data_ = buffer();
      return expect_bits(array.data_, array.length_, "booleans");
    case ArrowKind::integer:
    case ArrowKind::real:
    case ArrowKind::fixed_bytes:
      array.data_ = buffer();
      return expect_bytes(array.data_, array.length_, field.width, "a buffer");
    case ArrowKind::text:
    case ArrowKind::binary:
    case ArrowKind::list:
      array.offsets_ = buffer();
      if (array.length_ > 0) expect_bytes(array.offsets_, array.length_ + 1, field.width, "offsets");
      if (field.kind == ArrowKind::list) break;
      array.data_ = buffer();
      return;
    case ArrowKind::fixed_list:
    case ArrowKind::structure:
      break;
  }
  for (const ArrowField& child : field.children) array.children_.push_back(column(child));
  if (field.kind == ArrowKind::fixed_list && field.width > 0 &&
      array.children_.front().length_ / field.width < array.length_)
    fail_data(fmt::format("{} lists of {} with {} elements", array.length_, field.width,
                          array.children_.front().length_));
}

ArrowArray ArrowBatch::column(const ArrowField& field, bool as_values) {
  ArrowArray array;
  array.field_ = &field;
  const auto [length, nulls] = next_pair(nodes_, "a column's length");
  if (length < 0 || uint64_t(length) > most_rows_)
    fail_data(fmt::format("column {} has {} values", field.path, length));
  array.length_ = length;
  const bool is_index = field.dictionary && !as_values;
  if (field.kind != ArrowKind::nothing || is_index) {
    array.validity_ = buffer();
    if (nulls > 0 || !array.validity_.empty()) expect_bits(array.validity_, length, "marks of nulls");
  }
  if (!is_index) {
    read_values(array);
    return array;
  }
  const auto dictionary = dictionaries_.find(field.dictionary->id);
  if (dictionary == dictionaries_.end())
    fail_data(fmt::format("column {}: dictionary {} is missing", field.path, field.dictionary->id));
  array.dictionary_ = &dictionary->second;
  array.data_ = buffer();
  expect_bytes(array.data_, length, field.dictionary->width, "indices");
  return array;
}

void ArrowBatch::expect_end() const {
  if (!nodes_.empty() || !buffers_.empty())
    fail_data(fmt::format("a batch with {} columns and {} buffers more than the schema has",
                          nodes_.size() / kPairBytes, buffers_.size() / kPairBytes));
}

}  // namespace fettle
