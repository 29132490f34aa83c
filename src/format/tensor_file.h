// A file of named tensors, whatever its container: safetensors and GGUF rows today.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/dtype.h"

namespace fettle {

/// One tensor as the file has it. `shape` is row-major, outermost first, for every container (GGUF's order is turned).
/// `data` points into the mapping; `file` is where it lies, for errors.
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

/// The tensors of a model or an adapter: one file, or a folder's shards seen as one. Everything about the headers was
/// checked when it was opened: offsets in range, sizes equal to shapes, no overlap, no name twice.
class TensorFile {
 public:
  virtual ~TensorFile() = default;
  virtual std::span<const TensorEntry> tensors() const = 0;
  virtual std::string_view container() const = 0;  // "GGUF", "safetensors"
  virtual std::string where() const = 0;           // path for errors

  const TensorEntry* find(std::string_view name) const;
};

/// Bytes of tensor data, file headers not counted.
int64_t total_bytes(const TensorFile& file);

}  // namespace fettle
