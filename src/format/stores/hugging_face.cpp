// Hugging Face's cache: models--OWNER--NAME/{refs/BRANCH, snapshots/COMMIT/…}; snapshots are links to blobs.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/environment.h"
#include "base/error.h"
#include "base/file.h"
#include "format/stores/rows.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kFront = "models--", kDefault = "main";

bool is_commit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

std::vector<fs::path> roots(const StoreOptions& options) {
  if (!options.cache_dir.empty()) return {options.cache_dir};
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (fs::path cache = environment_path(name); !cache.empty()) return {cache};
  if (const fs::path home = environment_path("HF_HOME"); !home.empty()) return {home / "hub"};
  if (const fs::path cache = environment_path("XDG_CACHE_HOME"); !cache.empty())
    return {cache / "huggingface/hub"};
  if (home_folder().empty()) return {};
  return {home_folder() / ".cache/huggingface/hub"};
}

/// The commit that a branch's file names; "" where there is none.
std::string commit_of(const fs::path& ref) {
  if (!fs::is_regular_file(ref)) return "";
  const std::string text = read_text(ref);
  const std::string commit = text.substr(0, text.find_last_not_of(" \r\n") + 1);
  return is_commit(commit) ? commit : "";
}

/// Branches, with pull requests' below refs/, and the commits they stand at.
std::vector<std::pair<std::string, std::string>> branches(const fs::path& model) {
  std::vector<std::pair<std::string, std::string>> found;
  const fs::path refs = model / "refs";
  std::error_code failed;
  for (fs::recursive_directory_iterator it(refs, failed), end; !failed && it != end; it.increment(failed))
    if (const std::string commit = commit_of(it->path()); !commit.empty())
      found.emplace_back(it->path().lexically_relative(refs).string(), commit);
  std::ranges::sort(found);
  std::ranges::stable_partition(found, [](const auto& branch) { return branch.first == kDefault; });
  return found;
}

std::vector<StoredModel> list(const fs::path& root) {
  std::vector<StoredModel> found;
  for (const fs::path& model : entries_of(root)) {
    const std::string folder = model.filename().string();
    if (!folder.starts_with(kFront)) continue;
    const std::string name = replaced(folder.substr(kFront.size()), "--", "/");
    std::set<std::string> seen;
    const auto add = [&](const std::string& revision, const std::string& commit) {
      const fs::path snapshot = model / "snapshots" / commit;
      if (!fs::is_directory(snapshot) || !seen.insert(commit).second) return;
      std::ranges::move(models_in_folder(snapshot, name, revision == kDefault ? "" : revision),
                        std::back_inserter(found));
    };
    for (const auto& [branch, commit] : branches(model)) add(branch, commit);
    for (const fs::path& snapshot : entries_of(model / "snapshots"))
      add(snapshot.filename().string(), snapshot.filename().string());
  }
  return found;
}

std::optional<fs::path> find(const fs::path& root, const std::string& name, const std::string& revision,
                             std::vector<std::string>& looked) {
  const auto [id, file] = split_file(name);
  const fs::path model = root / fmt::format("{}{}", kFront, replaced(id, "/", "--"));
  looked.push_back(model.string());
  if (!fs::is_directory(model)) return std::nullopt;
  const bool inside = revision.find("..") == revision.npos && !revision.starts_with('/');
  const std::string commit = is_commit(revision) ? revision
                             : inside            ? commit_of(model / "refs" / revision)
                                                 : "";
  if (!commit.empty() && fs::is_directory(model / "snapshots" / commit))
    return model_in_folder(model / "snapshots" / commit, name, file);
  std::vector<std::string> there;
  for (const StoredModel& other : list(root))
    if (split_file(other.name).name == id)
      there.push_back(other.revision.empty() ? std::string(kDefault) : other.revision);
  throw Error({.what = fmt::format("the cache has no revision {} of {}", revision, id),
               .where = model.string(),
               .hint = there.empty() ? "the download was broken off: fetch it again"
                                     : fmt::format("set model_revision to one that is there: {}",
                                                   fmt::join(there, ", "))});
}

}  // namespace

const ModelStore kHuggingFaceStore = {.title = "Hugging Face",
                                      .prefix = "",
                                      .fetch = "hf download {}",
                                      .roots = roots,
                                      .list = list,
                                      .find = find};

}  // namespace fettle
