// Thrift's compact protocol, in which Parquet writes its headers.
#pragma once

#include "format/columnar/byte_cursor.h"

namespace fettle {

/// Types as they stand in a field's or a list's header.
enum class ThriftType : uint8_t {
  stop = 0,
  yes = 1,  // a bool is its own type
  no = 2,
  byte = 3,
  i16 = 4,
  i32 = 5,
  i64 = 6,
  real = 7,
  binary = 8,
  list = 9,
  set = 10,
  map = 11,
  structure = 12,
};

/// A struct's values, read in the order of the file: fields() calls back for each, and the callback reads the
/// value or leaves it to be skipped. Errors have no place.
class ThriftReader {
 public:
  explicit ThriftReader(std::string_view bytes) : in_(bytes) {}

  struct Field {
    int id;
    ThriftType type;
    bool read = false;  // set by whoever reads the value
  };

  template <class Visit>
  void fields(Visit&& visit) {
    enter();
    for (int id = 0;;) {
      Field field = header(id);
      if (field.type == ThriftType::stop) break;
      visit(field);
      if (!field.read) skip(field.type);
    }
    --depth_;
  }

  /// Calls `each` once an element; it must read it. `least` is the fewest bytes an element takes.
  template <class Each>
  void list(Field& field, ThriftType elements, Each&& each) {
    const uint64_t count = list_header(field, elements);
    for (uint64_t i = 0; i < count; ++i) each();
  }

  bool boolean(Field& field);
  int32_t i32(Field& field);
  int64_t i64(Field& field);
  std::string text(Field& field);
  std::string text_element() { return std::string(in_.take(in_.varint("a text's length"), "a text")); }
  template <class Visit>
  void structure(Field& field, Visit&& visit) {
    expect(field, ThriftType::structure);
    fields(std::forward<Visit>(visit));
  }

  std::string_view rest() const { return in_.rest(); }

 private:
  Field header(int& id);
  uint64_t list_header(Field& field, ThriftType elements);
  void expect(Field& field, ThriftType type);
  void skip(ThriftType type);
  void skip_element(ThriftType type);
  void enter();

  ByteCursor in_;
  int depth_ = 0;
};

}  // namespace fettle
