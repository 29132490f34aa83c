// safetensors: one file, or a Hugging Face folder's shards by model.safetensors.index.json; and the writer.
#pragma once

#include <map>

#include "base/file.h"
#include "format/tensor_file.h"

namespace fettle {

class SafetensorsFile final : public TensorFile {
 public:
  /// Throws Error by the validation rules of the format (header too large, overlap, hole, size ≠ shape ×
  /// type, …).
  static std::shared_ptr<const SafetensorsFile> open(const std::filesystem::path& path);
  static std::shared_ptr<const SafetensorsFile> parse(std::span<const std::byte> bytes, std::string label);
  /// model.safetensors or every shard the index names, seen as one. A tensor that the index promises and no
  /// shard has, or the other way round, is an Error.
  static std::shared_ptr<const SafetensorsFile> open_folder(const std::filesystem::path& folder);

  std::span<const TensorEntry> tensors() const override { return tensors_; }
  std::string_view container() const override { return "safetensors"; }
  std::string where() const override { return label_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  SafetensorsFile() = default;
  std::vector<std::shared_ptr<const MappedFile>> mappings_;
  std::string label_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorEntry> tensors_;
  friend struct SafetensorsParser;
};

/// Writes the canonical form (header padded to 8 bytes, tensors by type, widest first, then name) atomically.
/// The types must be ones that safetensors names. Throws Error when the file cannot be written.
void write_safetensors(const std::filesystem::path& path, std::vector<TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata);

/// A model's tensors as transformers saves them: model.safetensors, or, where they take more than
/// `shard_bytes`, model-00001-of-0000N.safetensors … and model.safetensors.index.json. The order of `tensors`
/// decides which lie together; one that is larger than a shard has a shard of its own. Gives the names of the
/// files, index last.
std::vector<std::string> write_safetensors_model(const std::filesystem::path& folder,
                                                 std::vector<TensorToWrite> tensors, int64_t shard_bytes);

}  // namespace fettle
