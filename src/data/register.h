// Adding a set to dataset_info.json.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string>

#include "data/registry.h"

namespace fettle {

/// What dataset_info.json says of a file that is read as `entry` is: format, columns and tags in full.
nlohmann::ordered_json registry_entry(const DatasetEntry& entry, const std::string& file_name);

/// Registers `entry` in dataset_dir/dataset_info.json (made where there is none) under `name`, or under the
/// first of name_2, name_3 … that is free, and returns the name. What the file holds stays as it is, byte for
/// byte; where an entry of it names the same file, that one's name is returned and nothing written. Error
/// where the file cannot be read.
std::string register_dataset(const std::filesystem::path& dataset_dir, const std::string& name,
                             const nlohmann::ordered_json& entry);

}  // namespace fettle
