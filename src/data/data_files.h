// The files a dataset is read from: a file, or a folder of files of one kind.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/listener.h"

namespace fettle {

/// The data files of `path`, in the order they are read: itself, or the files directly in a folder, by name
/// (LLaMA-Factory takes the folder's own order, which differs from disk to disk). Hidden files, folders and
/// files that no reader claims are left out and said, naming `dataset`. Throws Error when a folder holds
/// none, files of several kinds, or a registry of its own.
std::vector<std::filesystem::path> data_files(const std::filesystem::path& path, const std::string& dataset,
                                              Listener& listener);

}  // namespace fettle
