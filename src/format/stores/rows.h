// The stores' rows, and what they share.
#pragma once

#include "format/model_stores.h"

namespace fettle {

extern const ModelStore kHuggingFaceStore, kModelScopeStore, kOllamaStore, kLmStudioStore;

/// "owner/name:Q4_K_M" → "owner/name" and "Q4_K_M": one GGUF file of several.
struct NameAndFile {
  std::string name, file;
};
NameAndFile split_file(const std::string& name);

/// The model that a folder holds: the folder where it has safetensors, else its only GGUF file, or the one
/// that `file` means (its name without the ending, or a part that only one has). Error names the files.
std::filesystem::path model_in_folder(const std::filesystem::path& folder, const std::string& name,
                                      const std::string& file);
/// Every model that a folder holds, as the names that model_in_folder() takes.
std::vector<StoredModel> models_in_folder(const std::filesystem::path& folder, const std::string& name,
                                          const std::string& revision = "");

/// Folders and files in a folder, by name; empty when it is none.
std::vector<std::filesystem::path> entries_of(const std::filesystem::path& folder);
std::string replaced(std::string text, std::string_view what, std::string_view with);

}  // namespace fettle
