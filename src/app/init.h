// The two halves of `fettle init`.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/listener.h"

namespace fettle::app {

/// Copies the example `name` ("train_lora/llama3_lora_sft", or its last part where only one has it) to
/// `output`, by default a file of its own name in the working folder, and returns where. Sets it trains on
/// that dataset_dir does not have are put there and registered, each said. Error where there is no such
/// example, several, or a file of that name already.
std::filesystem::path copy_example(const std::string& name, const std::filesystem::path& output,
                                   Listener& listener);

/// One line of a config: its key, its value, and why it is so.
struct ConfigLine {
  std::string key, value, comment;  // without a value: a heading
};
/// The lines as YAML, comments in a column of their own.
std::string yaml_of(const std::string& head, const std::vector<ConfigLine>& lines);

/// Error where a file stands at `path`: what someone wrote is never written over.
void require_free(const std::filesystem::path& path);

}  // namespace fettle::app
