// What the readers of columnar files share: values as records have them, and how much a file may unfold to.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "format/records.h"

namespace fettle {

/// What `file` unfolds to, counted: a dictionary lets a few bytes stand for as many as one likes.
class UnfoldLimit {
 public:
  explicit UnfoldLimit(size_t file_bytes);
  /// Throws an Error without a place when more than most_content() has come together.
  void add(size_t bytes);

 private:
  uint64_t most_, seen_ = 0;
};

/// A column's text as a record's. Throws an Error without a place when it is not UTF-8.
Record text_value(std::string_view bytes);
/// Bytes that are no text: records keep them as such, so that a converter says what they are.
Record binary_value(std::string_view bytes);

/// Runs `work`; an Error without a place gets `place()`.
template <class Work, class Place>
auto located(Place&& place, Work&& work) {
  try {
    return work();
  } catch (const Error& error) {
    if (!error.where().empty()) throw;
    throw Error({.what = error.parts().what, .where = place(), .hint = error.hint()});
  }
}

}  // namespace fettle
