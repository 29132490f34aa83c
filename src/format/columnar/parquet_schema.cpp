// The footer's flat list of schema elements as a tree of what records hold.
#include <set>

#include "format/columnar/byte_cursor.h"
#include "format/columnar/parquet_metadata.h"

namespace fettle {

namespace {

constexpr int kDeepest = 32;
enum Repetition : int32_t { kRequired = 0, kOptional = 1, kRepeated = 2 };

/// Annotations of the format: ConvertedType is the old one, LogicalType the new one; files have either or
/// both.
struct Annotation {
  int converted, logical;
};
constexpr Annotation kTexts[] = {
    {0, 1},    // UTF8, STRING
    {4, 4},    // ENUM
    {19, 12},  // JSON
};
constexpr int kDecimalConverted = 5, kDecimalLogical = 5, kIntegerLogical = 10;
constexpr int kFirstUnsigned = 11, kLastUnsigned = 14;  // ConvertedType: UINT_8 … UINT_64
constexpr int kListConverted = 3, kListLogical = 3;
constexpr int kMapConverted = 1, kMapKeyValueConverted = 2, kMapLogical = 2;

ParquetMeaning meaning_of(const ParquetElement& e) {
  switch (ParquetType(e.type)) {
    case ParquetType::boolean:
      return ParquetMeaning::boolean;
    case ParquetType::int32:
    case ParquetType::int64:
      if (e.converted == kDecimalConverted || e.logical == kDecimalLogical) return ParquetMeaning::decimal;
      if (e.logical == kIntegerLogical ? !e.is_signed
                                       : e.converted >= kFirstUnsigned && e.converted <= kLastUnsigned)
        return ParquetMeaning::unsigned_integer;
      return ParquetMeaning::integer;
    case ParquetType::float32:
    case ParquetType::float64:
      return ParquetMeaning::real;
    case ParquetType::byte_array:
      for (const Annotation& row : kTexts)
        if (row.converted == e.converted || row.logical == e.logical) return ParquetMeaning::text;
      return ParquetMeaning::binary;
    default:
      return ParquetMeaning::binary;
  }
}

struct Levels {
  int definition = 0, repetition = 0;
};

class Builder {
 public:
  Builder(const std::vector<ParquetElement>& elements, ParquetMetadata& out)
      : elements_(elements), out_(out) {}

  void build() {
    if (elements_.empty()) fail_data("a footer without a schema");
    ParquetNode& root = out_.root;
    root.kind = ParquetNode::Kind::group;
    const ParquetElement& element = elements_[at_++];
    add_children(root, element, {}, "");
    if (at_ != elements_.size())
      fail_data(fmt::format("{} of {} schema elements belong to the tree", at_, elements_.size()));
  }

 private:
  const ParquetElement& peek() const {
    if (at_ >= elements_.size()) fail_data(fmt::format("a schema that ends after {} elements", at_));
    return elements_[at_];
  }

  void add_children(ParquetNode& node, const ParquetElement& element, Levels levels,
                    const std::string& path) {
    if (element.children <= 0)
      fail_data(fmt::format("the group \"{}\" has no columns", path), "write the file with at least one");
    node.first_leaf = out_.leaves.size();
    std::set<std::string> names;
    for (int32_t i = 0; i < element.children; ++i) {
      if (!names.insert(peek().name).second)
        fail_data(fmt::format("two columns of the name \"{}\"", peek().name), "rename one of them");
      node.children.push_back(field(levels, path.empty() ? "" : path + "."));
    }
    node.leaves_end = out_.leaves.size();
  }

  // The next element, with the list that its repetition makes of it.
  ParquetNode field(Levels levels, const std::string& prefix) {
    const ParquetElement& element = peek();
    if (element.repetition < kRequired || element.repetition > kRepeated)
      fail_data(fmt::format("column {}{}: repetition {}", prefix, element.name, element.repetition));
    if (element.repetition == kRepeated) return list_of(element.name, levels, prefix);
    if (element.repetition == kOptional) ++levels.definition;
    return value(levels, prefix);
  }

  // A list that is never null itself; the next element is its element.
  ParquetNode list_of(const std::string& name, Levels levels, const std::string& prefix) {
    ParquetNode list{.kind = ParquetNode::Kind::list, .name = name, .present = levels.definition};
    list.filled = ++levels.definition;
    list.repetition = ++levels.repetition;
    list.first_leaf = out_.leaves.size();
    list.children.push_back(value(levels, prefix));
    list.leaves_end = out_.leaves.size();
    return list;
  }

  // The next element without its own repetition.
  ParquetNode value(Levels levels, const std::string& prefix) {
    if (++depth_ > kDeepest) fail_data(fmt::format("columns nested more than {} deep", kDeepest));
    const ParquetElement& element = elements_[at_++];
    const std::string path = prefix + element.name;
    ParquetNode node{.kind = ParquetNode::Kind::group, .name = element.name, .present = levels.definition};
    if (element.type >= 0)
      add_leaf(node, element, levels, path);
    else if (is_list(element))
      add_annotated_list(node, element, levels, path);
    else
      add_children(node, element, levels, path);
    --depth_;
    return node;
  }

  void add_leaf(ParquetNode& node, const ParquetElement& element, Levels levels, const std::string& path) {
    if (element.type > int32_t(ParquetType::fixed_bytes) || element.children > 0)
      fail_data(
          fmt::format("column {}: storage type {} with {} children", path, element.type, element.children));
    if (ParquetType(element.type) == ParquetType::fixed_bytes && element.type_length <= 0)
      fail_data(fmt::format("column {}: values of {} bytes", path, element.type_length));
    node.kind = ParquetNode::Kind::leaf;
    node.first_leaf = out_.leaves.size();
    node.leaves_end = node.first_leaf + 1;
    out_.leaves.push_back({.path = path,
                           .type = ParquetType(element.type),
                           .meaning = meaning_of(element),
                           .type_length = element.type_length,
                           .scale = element.scale,
                           .max_definition = levels.definition,
                           .max_repetition = levels.repetition});
  }

  // Marked as a list or map, with the one repeated child that both have.
  bool is_list(const ParquetElement& element) const {
    const bool marked = element.converted == kListConverted || element.logical == kListLogical ||
                        element.converted == kMapConverted || element.converted == kMapKeyValueConverted ||
                        element.logical == kMapLogical;
    return marked && element.children == 1 && peek().repetition == kRepeated;
  }

  /// `group { repeated group list { element } }`. Older writers repeat the element itself; the format's rules
  /// tell the two apart by the repeated group: one of several members, or called "array" or NAME_tuple, is an
  /// element. A map's repeated group has two members, so a map is a list of {key, value}.
  void add_annotated_list(ParquetNode& node, const ParquetElement& element, Levels levels,
                          const std::string& path) {
    const ParquetElement& repeated = peek();
    const bool wrapper = repeated.type < 0 && repeated.children == 1 && repeated.name != "array" &&
                         repeated.name != element.name + "_tuple" && at_ + 1 < elements_.size() &&
                         elements_[at_ + 1].repetition != kRepeated;
    node.kind = ParquetNode::Kind::list;
    node.filled = ++levels.definition;
    node.repetition = ++levels.repetition;
    node.first_leaf = out_.leaves.size();
    std::string inside = path + ".";
    if (wrapper) {
      inside += repeated.name + ".";
      ++at_;
      node.children.push_back(field(levels, inside));
    } else {
      node.children.push_back(value(levels, inside));
    }
    node.leaves_end = out_.leaves.size();
  }

  const std::vector<ParquetElement>& elements_;
  ParquetMetadata& out_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

void build_parquet_schema(const std::vector<ParquetElement>& elements, ParquetMetadata& out) {
  Builder(elements, out).build();
}

}  // namespace fettle
