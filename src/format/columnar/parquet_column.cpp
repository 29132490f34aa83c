#include "format/columnar/parquet_column.h"

#include <zlib.h>

#include <algorithm>
#include <bit>

#include "format/columnar/snappy.h"
#include "format/columnar/thrift.h"
#include "format/compression.h"

namespace fettle {

namespace {

enum PageKind : int32_t { kDataPage = 0, kIndexPage = 1, kDictionaryPage = 2, kDataPage2 = 3 };
constexpr int32_t kPlain = 0, kPlainDictionary = 2, kRunsOfLevels = 3;

/// The format's compressions; `unpack` is null where one is refused by name.
struct Codec {
  int32_t id;
  std::string_view name;
  void (*unpack)(std::string_view packed, std::span<char> out);
};

template <int row>
void unpack_stream(std::string_view packed, std::span<char> out) {
  unpack_block(compressions()[row], packed, out);
}

void copy_plain(std::string_view packed, std::span<char> out) {
  if (packed.size() != out.size())
    fail_data(fmt::format("a page of {} bytes where {} were promised", packed.size(), out.size()));
  std::ranges::copy(packed, out.begin());
}

constexpr Codec kCodecs[] = {
    {0, "UNCOMPRESSED", copy_plain},
    {1, "SNAPPY", unpack_snappy},
    {2, "GZIP", unpack_stream<kGzipRow>},
    {3, "LZO", nullptr},
    {4, "BROTLI", nullptr},
    {5, "LZ4", nullptr},
    {6, "ZSTD", unpack_stream<kZstdRow>},
    {7, "LZ4_RAW", nullptr},
};

const Codec& codec_of(int32_t id) {
  const auto row = std::ranges::find(kCodecs, id, &Codec::id);
  if (row == std::end(kCodecs)) fail_data(fmt::format("the unknown compression {}", id));
  if (!row->unpack)
    fail_data(fmt::format("pages are compressed with {}, which is not read here", row->name),
              "write the file with compression zstd, snappy, gzip or none");
  return *row;
}

RunDecoder levels(std::string_view bytes, int most) {
  return {bytes, int(std::bit_width(unsigned(most)))};
}

}  // namespace

/// A page's header; sizes and counts are not negative.
struct ParquetColumn::Header {
  int32_t kind = -1, unpacked = -1, packed = -1, values = -1, encoding = -1;
  int32_t definition_encoding = kRunsOfLevels, repetition_encoding = kRunsOfLevels;
  int32_t definition_bytes = 0, repetition_bytes = 0;
  bool compressed = true;
  std::optional<uint32_t> checksum;

  void parse_data(ThriftReader& in, ThriftReader::Field& field) {
    in.structure(field, [&](ThriftReader::Field& part) {
      int32_t* const numbers[] = {&values, &encoding, &definition_encoding, &repetition_encoding};
      if (part.id >= 1 && part.id <= 4) *numbers[part.id - 1] = in.i32(part);
    });
  }
  void parse_dictionary(ThriftReader& in, ThriftReader::Field& field) {
    in.structure(field, [&](ThriftReader::Field& part) {
      if (part.id == 1) values = in.i32(part);
      if (part.id == 2) encoding = in.i32(part);
    });
  }
  void parse_data2(ThriftReader& in, ThriftReader::Field& field) {
    in.structure(field, [&](ThriftReader::Field& part) {
      int32_t nulls = 0, rows = 0;  // what the levels say anyway
      int32_t* const numbers[] = {&values, &nulls, &rows, &encoding, &definition_bytes, &repetition_bytes};
      if (part.id >= 1 && part.id <= 6) *numbers[part.id - 1] = in.i32(part);
      if (part.id == 7) compressed = in.boolean(part);
    });
  }
  void check() const {
    if (unpacked < 0 || packed < 0)
      fail_data(fmt::format("a page of {} bytes that unpack to {}", packed, unpacked));
    if (kind == kIndexPage) return;
    if (values < 0 || encoding < 0 || definition_bytes < 0 || repetition_bytes < 0)
      fail_data(fmt::format("a page of {} values in encoding {}", values, encoding));
  }
};

ParquetColumn::Header ParquetColumn::parse_header() {
  Header header;
  ThriftReader in(rest_);
  in.fields([&](ThriftReader::Field& field) {
    int32_t* const numbers[] = {&header.kind, &header.unpacked, &header.packed};
    if (field.id >= 1 && field.id <= 3)
      *numbers[field.id - 1] = in.i32(field);
    else if (field.id == 4)
      header.checksum = uint32_t(in.i32(field));
    else if (field.id == 5)
      header.parse_data(in, field);
    else if (field.id == 7)
      header.parse_dictionary(in, field);
    else if (field.id == 8)
      header.parse_data2(in, field);
  });
  header.check();
  rest_ = in.rest();
  return header;
}

ParquetColumn::ParquetColumn(std::string_view file, const ParquetLeaf& leaf, const ParquetChunk& chunk,
                             UnfoldLimit& limit)
    : leaf_(leaf),
      limit_(limit),
      rest_(file.substr(size_t(chunk.begin), size_t(chunk.bytes))),
      codec_(chunk.codec),
      left_(uint64_t(chunk.values)) {}

std::string_view ParquetColumn::unpack(std::string_view packed, uint64_t size, std::string& into) const {
  const Codec& codec = codec_of(codec_);
  limit_.add(size_t(size));
  into.resize(size_t(size));
  codec.unpack(packed, into);
  return into;
}

void ParquetColumn::load_dictionary(const Header& header, std::string_view body) {
  if (header.encoding != kPlain && header.encoding != kPlainDictionary)
    fail_data(fmt::format("a dictionary of encoding {}", header.encoding));
  const std::string_view bytes = unpack(body, uint64_t(header.unpacked), dictionary_page_);
  // An entry takes at least a bit.
  if (uint64_t(header.values) > bytes.size() * 8)
    fail_data(fmt::format("a dictionary of {} entries in {} bytes", header.values, bytes.size()));
  const auto decoder = make_value_decoder(kPlain, {.leaf = leaf_, .bytes = bytes});
  std::vector<StoredValue>& entries = dictionary_.emplace();
  entries.reserve(size_t(header.values));
  for (int32_t i = 0; i < header.values; ++i) entries.push_back(decoder->next());
}

void ParquetColumn::load_data(const Header& header, std::string_view body) {
  if (uint64_t(header.values) > left_)
    fail_data(fmt::format("a page of {} values where {} are left", header.values, left_));
  if (header.definition_encoding != kRunsOfLevels || header.repetition_encoding != kRunsOfLevels)
    fail_data("levels are encoded as BIT_PACKED, which is not read here",
              "write the file again with a current writer");
  std::string_view definitions, repetitions;
  if (header.kind == kDataPage2) {
    ByteCursor in(body);
    repetitions = in.take(uint64_t(header.repetition_bytes), "the repetition levels");
    definitions = in.take(uint64_t(header.definition_bytes), "the definition levels");
    const uint64_t before = repetitions.size() + definitions.size();
    if (before > uint64_t(header.unpacked))
      fail_data(fmt::format("{} bytes of levels in a page of {}", before, header.unpacked));
    const uint64_t size = uint64_t(header.unpacked) - before;
    values_ = header.compressed && size > 0 ? unpack(in.rest(), size, page_) : in.rest();
  } else {
    ByteCursor in(unpack(body, uint64_t(header.unpacked), page_));
    const auto sized = [&] { return in.take(in.read<uint32_t>("the levels' length"), "the levels"); };
    if (leaf_.max_repetition > 0) repetitions = sized();
    if (leaf_.max_definition > 0) definitions = sized();
    values_ = in.rest();
  }
  if (leaf_.max_repetition > 0) repetitions_ = levels(repetitions, leaf_.max_repetition);
  if (leaf_.max_definition > 0) definitions_ = levels(definitions, leaf_.max_definition);
  in_page_ = page_values_ = uint64_t(header.values);
  encoding_ = header.encoding;
  decoder_.reset();
}

void ParquetColumn::load_page() {
  if (rest_.empty()) fail_data(fmt::format("the column's pages end with {} values missing", left_));
  const Header header = parse_header();
  ByteCursor in(rest_);
  const std::string_view body = in.take(uint64_t(header.packed), "a page");
  rest_ = in.rest();
  if (header.checksum) {
    const auto sum = uint32_t(::crc32(0, reinterpret_cast<const Bytef*>(body.data()), uInt(body.size())));
    if (sum != *header.checksum)
      fail_data(fmt::format("a page's checksum is {:08x}, not {:08x}", sum, *header.checksum));
  }
  if (header.kind == kDictionaryPage)
    load_dictionary(header, body);
  else if (header.kind == kDataPage || header.kind == kDataPage2)
    load_data(header, body);
  else if (header.kind != kIndexPage)
    fail_data(fmt::format("a page of unknown kind {}", header.kind));
}

const ParquetEntry& ParquetColumn::peek() {
  if (peeked_) return *peeked_;
  if (at_end()) fail_data("the column ends before the row group's last row");
  while (in_page_ == 0) load_page();
  ParquetEntry entry;
  if (repetitions_) entry.repetition = int(repetitions_->next());
  if (definitions_) entry.definition = int(definitions_->next());
  if (entry.repetition > leaf_.max_repetition || entry.definition > leaf_.max_definition)
    fail_data(fmt::format("levels {} and {} where {} and {} are the highest", entry.repetition,
                          entry.definition, leaf_.max_repetition, leaf_.max_definition));
  return peeked_.emplace(entry);
}

ParquetEntry ParquetColumn::next() {
  ParquetEntry entry = peek();
  peeked_.reset();
  --in_page_;
  --left_;
  if (entry.definition < leaf_.max_definition) return entry;
  if (!decoder_)
    decoder_ = make_value_decoder(encoding_, {.leaf = leaf_,
                                              .bytes = values_,
                                              .most = page_values_,
                                              .dictionary = dictionary_ ? &*dictionary_ : nullptr});
  entry.value = decoder_->next();
  return entry;
}

}  // namespace fettle
