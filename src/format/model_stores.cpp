#include "format/model_stores.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <functional>

#include "base/error.h"
#include "base/options.h"
#include "format/stores/rows.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kGguf = ".gguf";

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

/// Models' files; a projector of images beside one is none.
std::vector<fs::path> ggufs_of(const fs::path& folder) {
  std::vector<fs::path> found = entries_of(folder);
  std::erase_if(found, [](const fs::path& path) {
    return lower(path.extension().string()) != kGguf || path.filename().string().starts_with("mmproj") ||
           fs::is_directory(path);
  });
  return found;
}

bool has_safetensors(const fs::path& folder) {
  return fs::exists(folder / "model.safetensors") || fs::exists(folder / "model.safetensors.index.json");
}

/// As one would name it behind a model's name: without the ending.
std::vector<std::string> stems(const std::vector<fs::path>& files) {
  std::vector<std::string> names;
  names.reserve(files.size());
  for (const fs::path& file : files) names.push_back(file.stem().string());
  return names;
}

bool is_hub_name(std::string_view part) {
  return !part.empty() && part.front() != '.' && std::ranges::all_of(part, [](unsigned char c) {
    return std::isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

std::vector<std::reference_wrapper<const ModelStore>> stores_for(const std::string& name,
                                                                 const StoreOptions& options) {
  std::vector<std::reference_wrapper<const ModelStore>> stores;
  const bool hub_id =
      is_hub_id(split_file(name).name) && std::ranges::none_of(model_stores(), [&](const ModelStore& s) {
        return !s.prefix.empty() && name.starts_with(s.prefix);
      });
  for (const ModelStore& store : model_stores())
    if (store.prefix.empty() ? hub_id : name.starts_with(store.prefix)) stores.emplace_back(store);
  if (options.modelscope_first)
    std::ranges::stable_partition(stores,
                                  [](const ModelStore& s) { return s.title == kModelScopeStore.title; });
  return stores;
}

std::vector<std::string> all_names(const StoreOptions& options) {
  std::vector<std::string> names;
  for (const ModelStore& store : model_stores())
    for (const fs::path& root : store.roots(options))
      for (const StoredModel& model : store.list(root)) names.push_back(model.name);
  return names;
}

[[noreturn]] void not_found(const std::string& name, const StoreOptions& options, const std::string& where,
                            const std::vector<std::string>& looked) {
  std::string hint;
  if (const std::string near = nearest_name(name, all_names(options)); !near.empty())
    hint = fmt::format("did you mean {}? ", near);
  if (!looked.empty())
    hint += fmt::format("as a model of this machine it was looked for at {}; ", fmt::join(looked, ", "));
  hint += "fettle models --local lists the models there are";
  std::vector<std::string> commands;
  for (const ModelStore& store : stores_for(name, options)) {
    const std::string id = store.prefix.empty() ? split_file(name).name : name.substr(store.prefix.size());
    if (!store.prefix.empty() || id.find('/') != id.npos)
      commands.push_back(fmt::format(fmt::runtime(store.fetch), id));
  }
  if (!commands.empty())
    hint += fmt::format("; Fettle does not download yet: {}", fmt::join(commands, ", or "));
  throw Error({.what = fmt::format("no such file or folder: {}", name), .where = where, .hint = hint});
}

}  // namespace

std::span<const ModelStore> model_stores() {
  static const std::array kStores = {kHuggingFaceStore, kModelScopeStore, kOllamaStore, kLmStudioStore};
  return kStores;
}

bool is_hub_id(std::string_view text) {
  const size_t slash = text.find('/');
  return is_hub_name(text.substr(0, slash)) && (slash == text.npos || is_hub_name(text.substr(slash + 1)));
}

FoundModel find_model(const std::string& name, const StoreOptions& options, const std::string& where) {
  std::error_code ignored;
  if (fs::exists(name, ignored)) return {name, ""};
  std::vector<std::string> looked;
  for (const ModelStore& store : stores_for(name, options))
    for (const fs::path& root : store.roots(options)) {
      if (!fs::is_directory(root, ignored)) {
        looked.push_back(fmt::format("{} (no such folder)", root.string()));
        continue;
      }
      if (const auto path = store.find(root, name.substr(store.prefix.size()), options.revision, looked))
        return {*path, store.prefix.empty() ? split_file(name).name : ""};
    }
  not_found(name, options, where, looked);
}

NameAndFile split_file(const std::string& name) {
  const size_t colon = name.rfind(':');
  if (colon == name.npos) return {name, ""};
  return {name.substr(0, colon), name.substr(colon + 1)};
}

fs::path model_in_folder(const fs::path& folder, const std::string& name, const std::string& file) {
  std::vector<fs::path> ggufs = ggufs_of(folder);
  const std::vector<std::string> all = stems(ggufs);
  if (file.empty()) {
    if (has_safetensors(folder) || ggufs.empty()) return folder;  // what is missing the loader names best
  } else {
    const auto exact = std::ranges::find(all, file);
    if (exact != all.end()) return ggufs[size_t(exact - all.begin())];
    std::erase_if(ggufs, [&](const fs::path& path) {
      return lower(path.stem().string()).find(lower(file)) == std::string::npos;
    });
  }
  if (ggufs.size() == 1) return ggufs.front();
  throw Error({.what = fmt::format("{} of its GGUF files {}", ggufs.empty() ? "none" : "several",
                                   file.empty() ? "is meant" : fmt::format("have {} in their names", file)),
               .where = name,
               .hint = all.empty() ? fmt::format("{} holds no GGUF file", folder.string())
                                   : fmt::format("write the file behind a colon: {}:{}; there are: {}",
                                                 split_file(name).name, all.front(), fmt::join(all, ", "))});
}

std::vector<StoredModel> models_in_folder(const fs::path& folder, const std::string& name,
                                          const std::string& revision) {
  std::vector<StoredModel> found;
  if (has_safetensors(folder)) found.push_back({name, revision, folder, ""});
  const std::vector<fs::path> ggufs = ggufs_of(folder);
  const bool alone = ggufs.size() == 1 && found.empty();
  for (const fs::path& file : ggufs)
    found.push_back({alone ? name : fmt::format("{}:{}", name, file.stem().string()), revision, file, ""});
  if (found.empty())
    found.push_back({name, revision, "", "no safetensors and no GGUF file: was the download broken off?"});
  return found;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed))
    found.push_back(it->path());
  std::ranges::sort(found);
  return found;
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size())
    text.replace(at, what.size(), with);
  return text;
}

}  // namespace fettle
