#include "format/columnar/arrow_schema.h"

#include <set>

namespace fettle {

namespace {

constexpr int kDeepest = 32, kMostFields = 10'000;

// Slots of the tables Schema, Field, DictionaryEncoding and Int.
enum SchemaSlot { kEndianness = 0, kFields = 1 };
enum FieldSlot { kName = 0, kTypeId = 2, kType = 3, kDictionary = 4, kChildren = 5 };
enum DictionarySlot { kId = 0, kIndexType = 1 };
enum IntSlot { kBits = 0, kSigned = 1 };

int64_t integer_width(const FlatTable& type, const std::string& path) {
  const auto bits = type.number<int32_t>(kBits, 0);
  if (bits != 8 && bits != 16 && bits != 32 && bits != 64)
    fail_data(fmt::format("column {}: integers of {} bits", path, bits));
  return bits / 8;
}

void set_integer(ArrowField& field, const FlatTable& type) {
  field.width = integer_width(type, field.path);
  field.is_signed = type.number<uint8_t>(kSigned, 0) != 0;
}

void set_real(ArrowField& field, const FlatTable& type) {
  const auto precision = type.number<int16_t>(0, 0);  // half, single, double
  if (precision < 0 || precision > 2)
    fail_data(fmt::format("column {}: floats of precision {}", field.path, precision));
  field.width = int64_t(2) << precision;
}

void set_fixed(ArrowField& field, const FlatTable& type) {
  field.width = type.number<int32_t>(0, 0);
  if (field.width < 0) fail_data(fmt::format("column {}: a width of {}", field.path, field.width));
}

// Dates count days in 32 bits or (the default) milliseconds in 64.
void set_date(ArrowField& field, const FlatTable& type) {
  field.width = type.number<int16_t>(0, 1) == 0 ? 4 : 8;
}

void set_time(ArrowField& field, const FlatTable& type) {
  field.width = type.number<int32_t>(1, 32) / 8;
  if (field.width != 4 && field.width != 8)
    fail_data(fmt::format("column {}: times of {} bytes", field.path, field.width));
}

void set_decimal(ArrowField& field, const FlatTable& type) {
  field.width = type.number<int32_t>(2, 128) / 8;
  if (field.width < 4 || field.width > 32)
    fail_data(fmt::format("column {}: decimals of {} bytes", field.path, field.width));
}

void set_interval(ArrowField& field, const FlatTable& type) {
  const auto unit = type.number<int16_t>(0, 0);  // months; days and milliseconds; all three
  if (unit < 0 || unit > 2) fail_data(fmt::format("column {}: intervals of unit {}", field.path, unit));
  field.width = int64_t(4) << unit;
}

/// The format's types by their number in its union; `refused` ones are read nowhere here.
struct TypeRow {
  std::string_view name;
  ArrowKind kind;
  int64_t width = 0;
  void (*set)(ArrowField& field, const FlatTable& type) = nullptr;
  bool refused = false;
};
constexpr TypeRow kTypes[] = {
    {"none", ArrowKind::nothing, 0, nullptr, true},
    {"null", ArrowKind::nothing},
    {"int", ArrowKind::integer, 0, set_integer},
    {"floating point", ArrowKind::real, 0, set_real},
    {"binary", ArrowKind::binary, 4},
    {"utf8", ArrowKind::text, 4},
    {"bool", ArrowKind::boolean},
    {"decimal", ArrowKind::fixed_bytes, 0, set_decimal},
    {"date", ArrowKind::integer, 0, set_date},
    {"time", ArrowKind::integer, 0, set_time},
    {"timestamp", ArrowKind::integer, 8},
    {"interval", ArrowKind::fixed_bytes, 0, set_interval},
    {"list", ArrowKind::list, 4},
    {"struct", ArrowKind::structure},
    {"union", ArrowKind::nothing, 0, nullptr, true},
    {"fixed size binary", ArrowKind::fixed_bytes, 0, set_fixed},
    {"fixed size list", ArrowKind::fixed_list, 0, set_fixed},
    {"map", ArrowKind::list, 4},
    {"duration", ArrowKind::integer, 8},
    {"large binary", ArrowKind::binary, 8},
    {"large utf8", ArrowKind::text, 8},
    {"large list", ArrowKind::list, 8},
    {"run-end encoded", ArrowKind::nothing, 0, nullptr, true},
    {"binary view", ArrowKind::nothing, 0, nullptr, true},
    {"utf8 view", ArrowKind::nothing, 0, nullptr, true},
    {"list view", ArrowKind::nothing, 0, nullptr, true},
    {"large list view", ArrowKind::nothing, 0, nullptr, true},
};

void set_type(ArrowField& field, const FlatTable& table) {
  const auto id = table.number<uint8_t>(kTypeId, 0);
  if (id >= std::size(kTypes)) fail_data(fmt::format("column {}: the unknown type {}", field.path, id));
  const TypeRow& row = kTypes[id];
  if (row.refused)
    fail_data(fmt::format("column {} is of type {}, which is not read here", field.path, row.name),
              "cast the column to a plain type (utf8, list, int …) before writing, or leave it out");
  field.kind = row.kind;
  field.width = row.width;
  if (row.set) row.set(field, table.table(kType));
}

void set_dictionary(ArrowField& field, const FlatTable& encoding) {
  const FlatTable index = encoding.table(kIndexType);
  ArrowIndices& dictionary = field.dictionary.emplace();
  dictionary.id = encoding.number<int64_t>(kId, 0);
  dictionary.width = index ? integer_width(index, field.path) : 4;
  dictionary.is_signed = !index || index.number<uint8_t>(kSigned, 0) != 0;
}

class Parser {
 public:
  /// The fields that `table` lists in `slot`.
  std::vector<ArrowField> fields(const FlatTable& table, int slot, const std::string& prefix) {
    if (++depth_ > kDeepest) fail_data(fmt::format("columns nested more than {} deep", kDeepest));
    std::vector<ArrowField> out;
    std::set<std::string> names;
    for (size_t i = 0; i < table.count(slot); ++i) {
      out.push_back(field(table.item(slot, i), prefix));
      if (!names.insert(out.back().name).second)
        fail_data(fmt::format("two columns of the name {}", out.back().path), "rename one of them");
    }
    --depth_;
    return out;
  }

 private:
  ArrowField field(const FlatTable& table, const std::string& prefix) {
    // Tables may be referred to more than once, so a small header can list any number of fields.
    if (++count_ > kMostFields) fail_data(fmt::format("more than {} columns", kMostFields));
    ArrowField field;
    field.name = std::string(table.text(kName));
    field.path = prefix + field.name;
    set_type(field, table);
    const FlatTable encoding = table.table(kDictionary);
    if (encoding && in_dictionary_)
      fail_data(
          fmt::format("column {} is a dictionary within a dictionary, which is not read here", field.path),
          "cast the column to a plain type before writing, or leave it out");
    if (encoding) set_dictionary(field, encoding);
    in_dictionary_ = in_dictionary_ || encoding;
    field.children = fields(table, kChildren, field.path + ".");
    if (encoding) in_dictionary_ = false;
    const bool is_list = field.kind == ArrowKind::list || field.kind == ArrowKind::fixed_list;
    const size_t beneath = field.children.size();
    if (is_list ? beneath != 1 : field.kind != ArrowKind::structure && beneath != 0)
      fail_data(fmt::format("column {} has {} columns beneath it", field.path, beneath));
    return field;
  }

  int depth_ = 0, count_ = 0;
  bool in_dictionary_ = false;  // its values refer to no other one, so none refers to itself
};

}  // namespace

std::vector<ArrowField> parse_arrow_schema(const FlatTable& schema) {
  if (schema.number<int16_t>(kEndianness, 0) != 0)
    fail_data("a big-endian file", "write it on a little-endian machine");
  std::vector<ArrowField> fields = Parser().fields(schema, kFields, "");
  if (fields.empty()) fail_data("a table without columns", "write it with at least one");
  return fields;
}

}  // namespace fettle
