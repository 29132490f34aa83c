#include "format/columnar/parquet.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "format/columnar/column_values.h"
#include "format/columnar/parquet_column.h"

namespace fettle {

namespace {

Record integer_value(const ParquetLeaf& leaf, int64_t integer) {
  if (leaf.meaning != ParquetMeaning::unsigned_integer) return integer;
  return leaf.type == ParquetType::int32 ? uint64_t(uint32_t(integer)) : uint64_t(integer);
}

Record record_value(const ParquetLeaf& leaf, const StoredValue& value) {
  switch (leaf.meaning) {
    case ParquetMeaning::boolean:
      return value.integer != 0;
    case ParquetMeaning::integer:
    case ParquetMeaning::unsigned_integer:
      return integer_value(leaf, value.integer);
    case ParquetMeaning::real:
      return value.real;
    case ParquetMeaning::decimal:
      return double(value.integer) / std::pow(10.0, leaf.scale);
    case ParquetMeaning::text:
      return text_value(value.bytes);
    case ParquetMeaning::binary:
      break;
  }
  return binary_value(value.bytes);
}

/// The rows of one row group, put together from the columns' levels.
class RowGroup {
 public:
  RowGroup(std::string_view file, const ParquetMetadata& metadata, size_t index, UnfoldLimit& limit)
      : metadata_(metadata), index_(index), limit_(limit) {
    for (size_t c = 0; c < metadata.leaves.size(); ++c)
      columns_.emplace_back(file, metadata.leaves[c], metadata.groups[index].chunks[c], limit);
  }

  Record row() { return value(metadata_.root, {}); }

  void expect_end() {
    for (size_t c = 0; c < columns_.size(); ++c)
      if (at_ = c; !columns_[c].at_end()) fail_data("the column goes on after the row group's last row");
  }

  std::string place(const std::string& label) const {
    return fmt::format("{}: row group {}, column {}", label, index_ + 1, metadata_.leaves[at_].path);
  }

 private:
  /// What the entries of a value must say: the repetition level of its first one, and the least definition
  /// level, that of what it lies in.
  struct Expected {
    int repetition = 0, definition = 0;
  };

  ParquetEntry take(size_t column, Expected expected) {
    at_ = column;
    ParquetEntry entry = columns_[column].next();
    if (entry.repetition != expected.repetition || entry.definition < expected.definition)
      fail_data(
          fmt::format("levels {} and {} where {} and {} were expected: its lists differ from those of "
                      "the columns beside it",
                      entry.repetition, entry.definition, expected.repetition, expected.definition));
    limit_.add(entry.value.bytes.size());
    return entry;
  }

  // Nothing of `node` is there: every column beneath says so with one entry.
  void take_missing(const ParquetNode& node, Expected expected, int below) {
    for (size_t c = node.first_leaf; c < node.leaves_end; ++c)
      if (take(c, expected).definition >= below)
        fail_data(fmt::format("a value in \"{}\", which is missing in the columns beside it", node.name));
  }

  int definition_of(const ParquetNode& node) {
    at_ = node.first_leaf;
    return columns_[at_].peek().definition;
  }

  Record value(const ParquetNode& node, Expected expected) {
    if (node.kind == ParquetNode::Kind::leaf) {
      const ParquetLeaf& leaf = metadata_.leaves[node.first_leaf];
      const ParquetEntry entry = take(node.first_leaf, expected);
      return entry.definition < leaf.max_definition ? Record() : record_value(leaf, entry.value);
    }
    const int definition = definition_of(node);
    if (definition < node.present) return take_missing(node, expected, node.present), Record();
    expected.definition = node.present;
    return node.kind == ParquetNode::Kind::group ? group(node, expected) : list(node, expected, definition);
  }

  Record group(const ParquetNode& node, Expected expected) {
    Record object = Record::object();
    for (const ParquetNode& child : node.children) object[child.name] = value(child, expected);
    return object;
  }

  Record list(const ParquetNode& node, Expected expected, int definition) {
    Record array = Record::array();
    if (definition < node.filled) return take_missing(node, expected, node.filled), array;
    expected.definition = node.filled;
    const auto goes_on = [&] {
      ParquetColumn& column = columns_[node.first_leaf];
      at_ = node.first_leaf;
      return !column.at_end() && column.peek().repetition == node.repetition;
    };
    do {
      array.push_back(value(node.children.front(), expected));
      expected.repetition = node.repetition;
    } while (goes_on());
    return array;
  }

  const ParquetMetadata& metadata_;
  size_t index_;
  UnfoldLimit& limit_;
  std::vector<ParquetColumn> columns_;
  size_t at_ = 0;  // the column that was read last
};

}  // namespace

void read_parquet(std::string_view file, const std::string& label, const RecordSink& sink) {
  const ParquetMetadata metadata = parse_parquet_metadata(file, label);
  UnfoldLimit limit(file.size());
  int64_t index = 0;
  for (size_t g = 0; g < metadata.groups.size(); ++g) {
    RowGroup group(file, metadata, g, limit);
    const auto place = [&] { return group.place(label); };
    for (int64_t r = 0; r < metadata.groups[g].rows; ++r, ++index) {
      Record record = located(place, [&] { return group.row(); });
      if (!sink(std::move(record), {.line = index + 1, .index = index})) return;
    }
    located(place, [&] { group.expect_end(); });
  }
}

}  // namespace fettle
