#include "data/sample.h"

#include <fmt/core.h>

namespace fettle {

std::string SamplePlace::text() const {
  return line > 0 ? fmt::format("{}:{}", file, line) : file;
}

}  // namespace fettle
