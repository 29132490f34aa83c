#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "format/safetensors.h"

namespace fettle {

namespace {

using Shard = std::vector<TensorToWrite>;

int64_t bytes_of(const TensorToWrite& tensor) {
  const auto bytes = tensor_bytes(tensor.type, tensor.shape);
  FETTLE_CHECK(bytes, "tensor {}", tensor.name);
  return *bytes;
}

// A new shard begins where the next tensor would make the last one too large.
std::vector<Shard> split(Shard tensors, int64_t shard_bytes) {
  std::vector<Shard> shards(1);
  int64_t filled = 0;
  for (TensorToWrite& tensor : tensors) {
    const int64_t bytes = bytes_of(tensor);
    if (!shards.back().empty() && filled > shard_bytes - bytes) {
      shards.emplace_back();
      filled = 0;
    }
    filled += bytes;
    shards.back().push_back(std::move(tensor));
  }
  return shards;
}

std::string shard_name(size_t index, size_t count) {
  return count == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", index + 1, count);
}

std::string index_text(const std::vector<Shard>& shards) {
  nlohmann::json map = nlohmann::json::object();
  int64_t bytes = 0, parameters = 0;
  for (size_t i = 0; i < shards.size(); ++i)
    for (const TensorToWrite& tensor : shards[i]) {
      map[tensor.name] = shard_name(i, shards.size());
      bytes += bytes_of(tensor);
      int64_t elements = 1;
      for (int64_t d : tensor.shape) elements *= d;
      parameters += elements;
    }
  const nlohmann::json index = {{"metadata", {{"total_parameters", parameters}, {"total_size", bytes}}},
                                {"weight_map", map}};
  return index.dump(2) + "\n";
}

}  // namespace

std::vector<std::string> write_safetensors_model(const std::filesystem::path& folder, Shard tensors,
                                                 int64_t shard_bytes) {
  FETTLE_CHECK(shard_bytes > 0, "shards of {} bytes", shard_bytes);
  std::vector<Shard> shards = split(std::move(tensors), shard_bytes);
  const std::string index = index_text(shards);
  std::vector<std::string> files;
  for (size_t i = 0; i < shards.size(); ++i) {
    files.push_back(shard_name(i, shards.size()));
    write_safetensors(folder / files.back(), std::move(shards[i]), {{"format", "pt"}});
  }
  if (files.size() == 1) return files;
  files.emplace_back("model.safetensors.index.json");
  write_atomic(folder / files.back(), index);
  return files;
}

}  // namespace fettle
