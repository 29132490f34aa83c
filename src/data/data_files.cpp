#include "data/data_files.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "format/records.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail(const fs::path& folder, std::string what, std::string hint) {
  throw Error({.what = std::move(what), .where = folder.string(), .hint = std::move(hint)});
}

// Files of one folder are one table.
void refuse_several_kinds(const fs::path& folder, const std::vector<fs::path>& files) {
  const fs::path& first = files.front();
  for (const fs::path& file : files)
    if (reader_of(file)->name != reader_of(first)->name)
      fail(
          folder,
          fmt::format("the folder holds data of several kinds: {} is {}, {} is {}", first.filename().string(),
                      reader_of(first)->name, file.filename().string(), reader_of(file)->name),
          "keep files of one kind in it, or name one file");
}

}  // namespace

std::vector<fs::path> data_files(const fs::path& path, const std::string& dataset, Listener& listener) {
  if (!fs::is_directory(path)) return {path};
  if (fs::exists(path / "dataset_info.json"))
    fail(path, "the folder holds a dataset_info.json, so its files are datasets of their own",
         "name a dataset of it by its name, or one of its files");
  std::vector<fs::path> files;
  std::vector<std::string> others;
  for (const fs::directory_entry& item : fs::directory_iterator(path)) {
    const std::string name = item.path().filename().string();
    if (name.starts_with(".")) continue;
    if (item.is_regular_file() && reader_of(item.path()))
      files.push_back(item.path());
    else
      others.push_back(name);
  }
  std::ranges::sort(files);
  std::ranges::sort(others);
  if (files.empty())
    fail(path, "the folder holds no data file", fmt::format("known endings: {}", known_endings()));
  refuse_several_kinds(path, files);
  if (!others.empty())
    listener.info(fmt::format("dataset {}: left out of {}, as no data file: {}", dataset, path.string(),
                              fmt::join(others, ", ")));
  return files;
}

}  // namespace fettle
