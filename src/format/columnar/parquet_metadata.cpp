#include "format/columnar/parquet_metadata.h"

#include "base/error.h"
#include "format/columnar/thrift.h"
#include "format/compression.h"

namespace fettle {

namespace {

constexpr std::string_view kMagic = "PAR1", kEncryptedMagic = "PARE";
constexpr size_t kTail = 8;  // the footer's length and the magic

using Field = ThriftReader::Field;

// LogicalType is a union of structs; of them only an integer's width and sign, and a decimal's scale, matter.
void parse_logical(ThriftReader& in, Field& field, ParquetElement& element) {
  in.structure(field, [&](Field& kind) {
    element.logical = kind.id;
    if (kind.type != ThriftType::structure) return;
    in.structure(kind, [&](Field& part) {
      if (part.type == ThriftType::yes || part.type == ThriftType::no) element.is_signed = in.boolean(part);
    });
  });
}

ParquetElement parse_element(ThriftReader& in) {
  ParquetElement element;
  in.fields([&](Field& field) {
    switch (field.id) {
      case 1:
        element.type = in.i32(field);
        break;
      case 2:
        element.type_length = in.i32(field);
        break;
      case 3:
        element.repetition = in.i32(field);
        break;
      case 4:
        element.name = in.text(field);
        break;
      case 5:
        element.children = in.i32(field);
        break;
      case 6:
        element.converted = in.i32(field);
        break;
      case 7:
        element.scale = in.i32(field);
        break;
      case 10:
        parse_logical(in, field, element);
        break;
      default:
        break;
    }
  });
  return element;
}

void parse_column_metadata(ThriftReader& in, Field& field, ParquetChunk& chunk) {
  int64_t data = -1, dictionary = 0, bytes = -1;
  in.structure(field, [&](Field& part) {
    switch (part.id) {
      case 4:
        chunk.codec = in.i32(part);
        break;
      case 5:
        chunk.values = in.i64(part);
        break;
      case 7:
        bytes = in.i64(part);
        break;
      case 9:
        data = in.i64(part);
        break;
      case 11:
        dictionary = in.i64(part);
        break;
      default:
        break;
    }
  });
  const int64_t begin = dictionary > 0 && dictionary < data ? dictionary : data;
  if (begin < 0 || bytes < 0 || chunk.values < 0)
    fail_data(fmt::format("a column of {} values in {} bytes at offset {}", chunk.values, bytes, begin));
  chunk.begin = uint64_t(begin);
  chunk.bytes = uint64_t(bytes);
}

ParquetChunk parse_chunk(ThriftReader& in) {
  ParquetChunk chunk;
  bool described = false;
  in.fields([&](Field& field) {
    if (field.id == 1)
      fail_data(fmt::format("a column's pages lie in another file, {}", in.text(field)),
                "write it as one file");
    if (field.id == 8 || field.id == 9)
      fail_data("a column is encrypted", "write the file without encryption");
    if (field.id != 3) return;
    parse_column_metadata(in, field, chunk);
    described = true;
  });
  if (!described) fail_data("a column without its description");
  return chunk;
}

ParquetRowGroup parse_row_group(ThriftReader& in) {
  ParquetRowGroup group;
  in.fields([&](Field& field) {
    if (field.id == 1)
      in.list(field, ThriftType::structure, [&] { group.chunks.push_back(parse_chunk(in)); });
    else if (field.id == 3)
      group.rows = in.i64(field);
  });
  return group;
}

/// What the numbers of the footer promise must be possible in a file of this size.
void check(const ParquetMetadata& metadata, int64_t rows, size_t file_bytes) {
  const uint64_t most = most_values(file_bytes);
  uint64_t total = 0;
  for (size_t g = 0; g < metadata.groups.size(); ++g) {
    const ParquetRowGroup& group = metadata.groups[g];
    if (group.chunks.size() != metadata.leaves.size())
      fail_data(fmt::format("row group {} has {} columns, the schema {}", g + 1, group.chunks.size(),
                            metadata.leaves.size()));
    if (group.rows < 0 || uint64_t(group.rows) > most)
      fail_data(fmt::format("row group {} has {} rows in a file of {} bytes", g + 1, group.rows, file_bytes));
    for (size_t c = 0; c < group.chunks.size(); ++c) {
      const ParquetChunk& chunk = group.chunks[c];
      if (chunk.begin > file_bytes || chunk.bytes > file_bytes - chunk.begin || uint64_t(chunk.values) > most)
        fail_data(
            fmt::format("row group {}, column {}: {} values in {} bytes at offset {} of a file of {} bytes",
                        g + 1, metadata.leaves[c].path, chunk.values, chunk.bytes, chunk.begin, file_bytes));
    }
    total += uint64_t(group.rows);
  }
  if (rows < 0 || total != uint64_t(rows) || total > most)
    fail_data(fmt::format("the row groups have {} rows, the file says {}", total, rows));
}

std::string_view footer_of(std::string_view file) {
  if (file.starts_with(kEncryptedMagic))
    fail_data("the file is encrypted", "write it without encryption, or decrypt it first");
  if (!file.starts_with(kMagic))
    fail_data("no Parquet file: it does not begin with \"PAR1\"", "check what the file is, and its ending");
  if (file.size() < kMagic.size() + kTail || !file.ends_with(kMagic))
    fail_data(fmt::format("the file of {} bytes does not end with \"PAR1\"", file.size()));
  ByteCursor tail(file.substr(file.size() - kTail));
  const auto length = tail.read<uint32_t>("the footer's length");
  if (length > file.size() - kTail - kMagic.size())
    fail_data(fmt::format("a footer of {} bytes in a file of {}", length, file.size()));
  return file.substr(file.size() - kTail - length, length);
}

ParquetMetadata parse(std::string_view file) {
  ThriftReader in(footer_of(file));
  ParquetMetadata metadata;
  std::vector<ParquetElement> elements;
  int64_t rows = -1;
  in.fields([&](Field& field) {
    if (field.id == 2)
      in.list(field, ThriftType::structure, [&] { elements.push_back(parse_element(in)); });
    else if (field.id == 3)
      rows = in.i64(field);
    else if (field.id == 4)
      in.list(field, ThriftType::structure, [&] { metadata.groups.push_back(parse_row_group(in)); });
  });
  build_parquet_schema(elements, metadata);
  check(metadata, rows, file.size());
  return metadata;
}

}  // namespace

ParquetMetadata parse_parquet_metadata(std::string_view file, const std::string& label) {
  try {
    return parse(file);
  } catch (const Error& error) {
    throw Error({.what = error.parts().what, .where = label, .hint = error.hint()});
  }
}

}  // namespace fettle
