// What killed processes leave behind: AtomicFile and AtomicFolder write under temporary names.
#pragma once

#include <filesystem>

namespace fettle {

/// Removes half-written files and folders from a folder. Nobody else may be writing there.
void remove_leftovers(const std::filesystem::path& folder);

}  // namespace fettle
