// Variables of the environment, and the folders they lead to.
#pragma once

#include <filesystem>
#include <string>

namespace fettle {

/// The value without blanks at either end (Windows shells leave them); "" when unset.
std::string environment(const char* name);
/// LLaMA-Factory's rule for switches: true, y or 1 in any case, and YAML's other words for true.
bool environment_flag(const char* name);
/// The path in a variable, with ~ for the home folder; empty when unset.
std::filesystem::path environment_path(const char* name);
/// $HOME; empty when unset.
std::filesystem::path home_folder();

}  // namespace fettle
