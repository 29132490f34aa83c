// A file of named tensors, whatever its container: safetensors and GGUF rows today.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace fettle {

/// One tensor as the file has it. `shape` is row-major, outermost first, for every container (GGUF's order is
/// turned). `data` points into the mapping; `file` is where it lies, for errors.
struct TensorEntry {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  std::span<const std::byte> data;
  std::string file;

  int64_t elements() const {
    int64_t n = 1;
    for (int64_t d : shape) n *= d;
    return n;
  }
};

/// The tensors of a model or an adapter: one file, or a folder's shards seen as one. Everything about the
/// headers was checked when it was opened: offsets in range, sizes equal to shapes, no overlap, no name
/// twice.
class TensorFile {
 public:
  virtual ~TensorFile() = default;
  virtual std::span<const TensorEntry> tensors() const = 0;
  virtual std::string_view container() const = 0;  // "GGUF", "safetensors"
  virtual std::string where() const = 0;           // path for errors

  const TensorEntry* find(std::string_view name) const;
};

/// One tensor to write; the data may be produced late, so that only one tensor is in memory at a time.
/// `shape` is row-major. Which types are allowed is the container's matter. produce() must hand over exactly
/// the tensor's bytes, in as many pieces as it likes.
struct TensorToWrite {
  std::string name;
  DType type;
  std::vector<int64_t> shape;
  std::function<void(const std::function<void(std::span<const std::byte>)>& sink)> produce;
};

/// Bytes of tensor data, file headers not counted.
int64_t total_bytes(const TensorFile& file);

/// Bytes of a tensor of this type and row-major shape; nothing when a dimension is negative, the product
/// overflows int64, or a row (the last dimension) is not a whole number of the type's blocks.
std::optional<int64_t> tensor_bytes(DType type, std::span<const int64_t> shape);

}  // namespace fettle
