#include "format/tensor_file.h"

#include <algorithm>

namespace fettle {

const TensorEntry* TensorFile::find(std::string_view name) const {
  const auto all = tensors();
  auto it = std::ranges::find(all, name, &TensorEntry::name);
  return it == all.end() ? nullptr : &*it;
}

int64_t total_bytes(const TensorFile& file) {
  int64_t sum = 0;
  for (const TensorEntry& tensor : file.tensors()) sum += int64_t(tensor.data.size());
  return sum;
}

std::optional<int64_t> tensor_bytes(DType type, std::span<const int64_t> shape) {
  const DTypeInfo& t = info(type);
  int64_t elements = 1;
  for (int64_t d : shape) {
    if (d < 0 || __builtin_mul_overflow(elements, d, &elements)) return {};
  }
  const int64_t row = shape.empty() ? 1 : shape.back();
  int64_t bytes = 0;
  if (row % t.block != 0 || __builtin_mul_overflow(elements / t.block, int64_t(t.block_bytes), &bytes))
    return {};
  return bytes;
}

}  // namespace fettle
