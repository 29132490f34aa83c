// LM Studio's store: models/PUBLISHER/REPOSITORY/… below its home, which a file in the user's home names.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"
#include "format/records.h"
#include "format/stores/rows.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

/// Where the program lives: elsewhere than in ~/.lmstudio when it was moved.
fs::path program_home() {
  const fs::path pointer = home_folder() / ".lmstudio-home-pointer";
  if (!fs::is_regular_file(pointer)) return home_folder() / ".lmstudio";
  const std::string text = read_text(pointer);
  return text.substr(0, text.find_last_not_of(" \r\n") + 1);
}

/// The folder that its settings name for models; empty where they name none, or cannot be read.
fs::path chosen_folder(const fs::path& home) {
  const fs::path settings = home / "settings.json";
  if (!fs::is_regular_file(settings)) return {};
  try {
    const nlohmann::json document = parse_json_document(read_text(settings), settings.string());
    const auto folder = document.is_object() ? document.find("downloadsFolder") : document.end();
    return folder != document.end() && folder->is_string() ? folder->get<std::string>() : std::string();
  } catch (const Error&) {  // another program's file: its usual places remain
    return {};
  }
}

std::vector<fs::path> roots(const StoreOptions&) {
  if (home_folder().empty()) return {};
  std::vector<fs::path> places;
  const fs::path home = program_home();
  for (const fs::path& place :
       {chosen_folder(home), home / "models", home_folder() / ".cache/lm-studio/models"})
    if (!place.empty() && std::ranges::find(places, place) == places.end()) places.push_back(place);
  return places;
}

std::vector<StoredModel> list(const fs::path& root) {
  std::vector<StoredModel> found;
  for (const fs::path& publisher : entries_of(root))
    for (const fs::path& repository : entries_of(publisher))
      if (fs::is_directory(repository))
        std::ranges::move(models_in_folder(repository, fmt::format("{}{}/{}", kLmStudioStore.prefix,
                                                                   publisher.filename().string(),
                                                                   repository.filename().string())),
                          std::back_inserter(found));
  return found;
}

std::optional<fs::path> find(const fs::path& root, const std::string& name, const std::string&,
                             std::vector<std::string>& looked) {
  const auto [id, file] = split_file(name);
  const fs::path folder = root / id;
  looked.push_back(folder.string());
  if (!is_hub_id(id) || !fs::is_directory(folder)) return std::nullopt;
  return model_in_folder(folder, fmt::format("{}{}", kLmStudioStore.prefix, name), file);
}

}  // namespace

const ModelStore kLmStudioStore = {.title = "LM Studio",
                                   .prefix = "lmstudio:",
                                   .fetch = "lms get {}",
                                   .roots = roots,
                                   .list = list,
                                   .find = find};

}  // namespace fettle
