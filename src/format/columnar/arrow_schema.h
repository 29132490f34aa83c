// The columns of an Arrow stream.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "format/columnar/flatbuffer.h"

namespace fettle {

/// How a column's values lie in memory, which is all that a reader must know.
enum class ArrowKind {
  nothing,
  boolean,
  integer,
  real,
  text,
  binary,
  fixed_bytes,
  list,
  fixed_list,
  structure
};

/// Integers that stand for entries of dictionary `id`.
struct ArrowIndices {
  int64_t id = 0, width = 0;  // width: bytes of one
  bool is_signed = true;
};

struct ArrowField {
  std::string name, path;  // "from", "conversations.item.from"
  ArrowKind kind{};
  int64_t width = 0;  // bytes of a value; of an offset of texts, binaries and lists; elements of a fixed list
  bool is_signed = true;  // integers
  std::vector<ArrowField> children;
  std::optional<ArrowIndices> dictionary;  // the values are indices into one of this type
};

/// Reads a Schema table. Errors have no place: a type that is not read here is refused by name.
std::vector<ArrowField> parse_arrow_schema(const FlatTable& schema);

}  // namespace fettle
