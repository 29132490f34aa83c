// Paths as users write them, among them those of Windows.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>
#include <string>

namespace fettle {

/// The first of `places` that exists; after them, the same places with / where they have \.
std::optional<std::filesystem::path> locate(std::initializer_list<std::filesystem::path> places);

/// Whether a dataset's name is meant as a path: it has a separator or a data file's ending.
bool is_data_path(const std::string& name);

/// What to do about a path in Windows' notation, as the rest of a hint ("; …"); "" when it is none.
std::string windows_hint(const std::string& path);

/// The path in one line: line breaks and tabs (of "\n" in a JSON text) as they were written.
std::string printable(const std::string& path);

}  // namespace fettle
