// Models that other programs keep on this machine: found where those programs put them and read in place.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

/// A model of a store. `path` is a GGUF file or a model's folder; where it is empty, `problem` says why the
/// model cannot be read.
struct StoredModel {
  std::string name;      // what model_name_or_path takes: "ollama:qwen2.5:0.5b"
  std::string revision;  // model_revision, where it is not the hub's default
  std::filesystem::path path;
  std::string problem;
};

/// What the options say of stores.
struct StoreOptions {
  std::string revision = "main";    // the branch, tag or commit of a hub's model
  std::filesystem::path cache_dir;  // of hubs' models; "": where the environment says
  bool modelscope_first = false;    // USE_MODELSCOPE_HUB
};

/// A store as a row.
struct ModelStore {
  std::string_view title;   // "Ollama"
  std::string_view prefix;  // of its models' names: "ollama:"; "" for caches of hubs, where a name is an id
  std::string_view fetch;   // the command that puts a model there: "ollama pull {}"
  /// Folders in which the store may lie, as the environment has it; they need not exist.
  std::vector<std::filesystem::path> (*roots)(const StoreOptions& options);
  /// What lies in one of them, in the order of names. Never throws for what a store holds.
  std::vector<StoredModel> (*list)(const std::filesystem::path& root);
  /// The model of a name (without the prefix) in one of them. `looked` gets the place that was tried. Error
  /// where the model is there and cannot be read: a revision, file or blob that is missing.
  std::optional<std::filesystem::path> (*find)(const std::filesystem::path& root, const std::string& name,
                                               const std::string& revision, std::vector<std::string>& looked);
};
std::span<const ModelStore> model_stores();

struct FoundModel {
  std::filesystem::path path;  // a GGUF file or a model's folder
  std::string hub_id;          // "owner/name" where a hub's cache holds it
};

/// The model that `name` means: an existing path as it is, else a model of a store. Nothing is copied. Error
/// at `where` names the places that were looked at, the nearest name there is, and how to get the model.
FoundModel find_model(const std::string& name, const StoreOptions& options, const std::string& where);

/// "name" or "owner/name", of letters, digits, - _ and . as hubs have them.
bool is_hub_id(std::string_view text);

}  // namespace fettle
