// ModelScope's cache, in the three layouts its releases have used, oldest last:
//   models/OWNER--NAME/snapshots/REVISION     models/OWNER/NAME     OWNER/NAME       (in the last two, "." is
//   "___")
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"
#include "format/stores/rows.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kDefault = "master", kDot = "___";

/// Older releases kept it below hub/.
std::vector<fs::path> roots(const StoreOptions& options) {
  fs::path root = options.cache_dir;
  if (root.empty()) root = environment_path("MODELSCOPE_CACHE");
  if (root.empty() && !home_folder().empty()) root = home_folder() / ".cache/modelscope";
  if (root.empty()) return {};
  return {root, root / "hub"};
}

/// The revision of a folder that holds one: "Revision:master,CreatedAt:…" in .mv.
std::string revision_of(const fs::path& folder) {
  constexpr std::string_view kKey = "Revision:";
  if (!fs::is_regular_file(folder / ".mv")) return std::string(kDefault);
  const std::string text = read_text(folder / ".mv");
  const size_t begin = text.find(kKey);
  if (begin == text.npos) return std::string(kDefault);
  return text.substr(begin + kKey.size(), text.find(',', begin) - begin - kKey.size());
}

std::string shown(const std::string& revision) {
  return revision == kDefault ? "" : revision;
}

void append(std::vector<StoredModel>& to, std::vector<StoredModel> models) {
  std::ranges::move(models, std::back_inserter(to));
}

void list_owners(const fs::path& folder, std::vector<StoredModel>& found) {
  for (const fs::path& owner : entries_of(folder)) {
    const std::string name = owner.filename().string();
    if (name == "models" || name == "hub" || name == "datasets" || !is_hub_id(name) ||
        name.find("--") != name.npos)
      continue;
    for (const fs::path& model : entries_of(owner))
      if (fs::is_directory(model) && !fs::is_symlink(model))
        append(found, models_in_folder(
                          model, fmt::format("{}/{}", name, replaced(model.filename().string(), kDot, ".")),
                          shown(revision_of(model))));
  }
}

std::vector<StoredModel> list(const fs::path& root) {
  std::vector<StoredModel> found;
  for (const fs::path& model : entries_of(root / "models")) {
    const std::string name = replaced(model.filename().string(), "--", "/");
    if (name.find('/') == name.npos) continue;
    for (const fs::path& snapshot : entries_of(model / "snapshots"))
      append(found, models_in_folder(snapshot, name, shown(snapshot.filename().string())));
  }
  list_owners(root / "models", found);
  list_owners(root, found);
  return found;
}

std::optional<fs::path> find(const fs::path& root, const std::string& name, const std::string& revision,
                             std::vector<std::string>& looked) {
  const auto [id, file] = split_file(name);
  const size_t slash = id.find('/');
  if (slash == id.npos) return std::nullopt;  // every model there has an owner
  const std::string wanted = revision == "main" ? std::string(kDefault) : revision;
  const fs::path old = fs::path(id.substr(0, slash)) / replaced(id.substr(slash + 1), ".", kDot);
  const fs::path snapshots = root / "models" / replaced(id, "/", "--") / "snapshots";
  looked.push_back(snapshots.parent_path().string());
  if (wanted.find("..") == wanted.npos && fs::is_directory(snapshots / wanted))
    return model_in_folder(snapshots / wanted, name, file);
  for (const fs::path& folder : {root / "models" / old, root / old}) {
    looked.push_back(folder.string());
    if (fs::is_directory(folder) && (revision == "main" || revision_of(folder) == wanted))
      return model_in_folder(folder, name, file);
  }
  return std::nullopt;
}

}  // namespace

const ModelStore kModelScopeStore = {.title = "ModelScope",
                                     .prefix = "",
                                     .fetch = "modelscope download --model {}",
                                     .roots = roots,
                                     .list = list,
                                     .find = find};

}  // namespace fettle
