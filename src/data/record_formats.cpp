#include "data/record_formats.h"

namespace fettle {

std::span<const RecordFormat> record_formats() {
  static constexpr RecordFormat kRows[] = {
      {"alpaca", convert_alpaca},
  };
  return kRows;
}

}  // namespace fettle
