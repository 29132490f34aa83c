// What the end of a Parquet file says about it: its columns and where their pages lie.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

/// How a column's values are stored (the format's own numbers).
enum class ParquetType : int32_t {
  boolean = 0,
  int32 = 1,
  int64 = 2,
  int96 = 3,
  float32 = 4,
  float64 = 5,
  byte_array = 6,
  fixed_bytes = 7,
};

/// What a stored value means in a record.
enum class ParquetMeaning { boolean, integer, unsigned_integer, real, decimal, text, binary };

/// A column: a leaf of the schema. Levels as the format counts them.
struct ParquetLeaf {
  std::string path;  // "conversations.list.element.from"
  ParquetType type{};
  ParquetMeaning meaning{};
  int32_t type_length = 0;  // bytes of a fixed_bytes value
  int32_t scale = 0;        // decimals: digits behind the point
  int max_definition = 0, max_repetition = 0;
};

/// A part of the schema as records have it: the format's wrappers of lists are gone.
struct ParquetNode {
  enum class Kind { leaf, group, list };
  Kind kind{};
  std::string name;
  int present = 0;                        // from this definition level on, it is not null
  int filled = 0;                         // lists: from this one on, there is an element
  int repetition = 0;                     // lists: the repetition level of an element that is not the first
  std::vector<ParquetNode> children;      // groups: the members; lists: the element
  size_t first_leaf = 0, leaves_end = 0;  // the columns beneath it
};

struct ParquetChunk {
  uint64_t begin = 0, bytes = 0;  // of the file
  int32_t codec = 0;
  int64_t values = 0;  // nulls counted too
};

struct ParquetRowGroup {
  int64_t rows = 0;
  std::vector<ParquetChunk> chunks;  // a leaf each
};

struct ParquetMetadata {
  ParquetNode root;
  std::vector<ParquetLeaf> leaves;
  std::vector<ParquetRowGroup> groups;
};

/// Reads the footer. Throws Error naming `label` when the file is no Parquet file, cut off, encrypted, spread
/// over several files, when numbers contradict one another, or when the columns nest more than 32 deep.
ParquetMetadata parse_parquet_metadata(std::string_view file, const std::string& label);

/// The schema elements of the footer, depth first.
struct ParquetElement {
  int32_t type = -1, type_length = 0, repetition = 0, children = 0, converted = -1, scale = 0;
  int logical = -1;       // the member of the LogicalType union
  bool is_signed = true;  // of a logical integer
  std::string name;
};

/// Turns the elements into the tree and its leaves. Errors have no place.
void build_parquet_schema(const std::vector<ParquetElement>& elements, ParquetMetadata& out);

}  // namespace fettle
