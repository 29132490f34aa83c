// GGUF version 2 and 3, little-endian (specification: the GGUF page of the ggml project).
#pragma once

#include <map>
#include <optional>
#include <variant>

#include "base/file.h"
#include "format/tensor_file.h"

namespace fettle {

/// A metadata value. Integers are int64 (uint64 only where int64 cannot hold the value), floats are double.
/// Arrays of scalars are widened to int64/double; nested arrays are refused by name.
using GgufValue = std::variant<bool, int64_t, uint64_t, double, std::string, std::vector<bool>,
                               std::vector<int64_t>, std::vector<double>, std::vector<std::string>>;

/// A metadata entry as the file has it: what copying to another file keeps, types and order included.
struct GgufRaw {
  std::string key;
  uint32_t type;                     // value type id
  std::span<const std::byte> value;  // encoded; points into the file
};

class GgufFile final : public TensorFile {
 public:
  /// Maps and checks the file. Throws Error naming the file, the key or tensor, what was found and what was
  /// expected (bad magic, big-endian, version 1, truncated, unknown tensor type id, offset beyond the end,
  /// …).
  static std::shared_ptr<const GgufFile> open(const std::filesystem::path& path);
  /// The same from memory (fuzzing, tests). `label` stands for the path in errors.
  static std::shared_ptr<const GgufFile> parse(std::span<const std::byte> bytes, std::string label);

  std::span<const TensorEntry> tensors() const override { return tensors_; }
  std::string_view container() const override { return "GGUF"; }
  std::string where() const override { return label_; }
  uint32_t version() const { return version_; }

  uint32_t alignment() const { return alignment_; }

  const std::map<std::string, GgufValue, std::less<>>& metadata() const { return metadata_; }
  /// The same in file order, undecoded.
  std::span<const GgufRaw> raw_metadata() const { return raw_; }
  /// Typed look-ups; integers and floats convert where the value is exact. *_or: default when missing; the
  /// others throw Error naming key and file. A present key of another type always throws.
  std::string text(std::string_view key) const;
  std::string text_or(std::string_view key, std::string fallback) const;
  int64_t integer(std::string_view key) const;
  int64_t integer_or(std::string_view key, int64_t fallback) const;
  double number(std::string_view key) const;
  double number_or(std::string_view key, double fallback) const;
  bool flag_or(std::string_view key, bool fallback) const;
  bool has(std::string_view key) const;
  /// Arrays; empty when the key is missing.
  std::span<const std::string> texts(std::string_view key) const;
  std::span<const int64_t> integers(std::string_view key) const;
  std::span<const double> numbers(std::string_view key) const;

 private:
  GgufFile() = default;
  std::shared_ptr<const MappedFile> mapping_;  // null when parsed from memory
  std::string label_;
  uint32_t version_ = 0, alignment_ = 0;
  std::map<std::string, GgufValue, std::less<>> metadata_;
  std::vector<GgufRaw> raw_;
  std::vector<TensorEntry> tensors_;
  friend class GgufParser;
};

}  // namespace fettle
