// Ollama's store: manifests/HOST/NAMESPACE/MODEL/TAG names layers by digest, blobs/sha256-HEX holds them.
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

constexpr std::string_view kHost = "registry.ollama.ai", kNamespace = "library", kTag = "latest";

/// As a service the program has a home of its own.
std::vector<fs::path> roots(const StoreOptions&) {
  if (fs::path models = environment_path("OLLAMA_MODELS"); !models.empty()) return {models};
  std::vector<fs::path> places;
  if (!home_folder().empty()) places.push_back(home_folder() / ".ollama/models");
  places.emplace_back("/usr/share/ollama/.ollama/models");
  return places;
}

std::string text_of(const nlohmann::json& layer, const char* key) {
  const auto it = layer.is_object() ? layer.find(key) : layer.end();
  return it != layer.end() && it->is_string() ? it->get<std::string>() : "";
}

/// "sha256:HEX" → the blob's path. Anything else could lead out of the store.
fs::path blob_of(const fs::path& root, const std::string& digest, const std::string& where) {
  constexpr std::string_view kKind = "sha256:";
  constexpr size_t kHexDigits = 64;
  const std::string hex = digest.substr(std::min(digest.size(), kKind.size()));
  if (!digest.starts_with(kKind) || hex.size() != kHexDigits ||
      hex.find_first_not_of("0123456789abcdef") != hex.npos)
    throw Error({.what = fmt::format("'{}' is no digest sha256:HEX of a layer", digest), .where = where});
  return root / "blobs" / ("sha256-" + hex);
}

/// The GGUF file that a manifest names.
fs::path model_of(const fs::path& root, const fs::path& manifest, const std::string& name) {
  constexpr std::string_view kLayer = "application/vnd.ollama.image.";
  const std::string where = manifest.string();
  const nlohmann::json document = parse_json_document(read_text(manifest), where);
  const auto layers = document.is_object() ? document.find("layers") : document.end();
  if (layers == document.end() || !layers->is_array())
    throw Error({.what = "no list of layers: it is no manifest", .where = where});
  std::vector<std::string> models;
  for (const nlohmann::json& layer : *layers) {
    const std::string kind = text_of(layer, "mediaType");
    if (kind == fmt::format("{}model", kLayer)) models.push_back(text_of(layer, "digest"));
    if (kind == fmt::format("{}adapter", kLayer))
      throw Error({.what = "the model stands on an adapter, which is not read",
                   .where = where,
                   .hint = "name the model it was made from"});
  }
  if (models.size() != 1)
    throw Error({.what = fmt::format("the manifest names {} GGUF files, one is read", models.size()),
                 .where = where});
  fs::path blob = blob_of(root, models.front(), where);
  if (!fs::is_regular_file(blob))
    throw Error({.what = fmt::format("its file {} is missing", blob.string()),
                 .where = where,
                 .hint = fmt::format("the download was broken off: ollama pull {}", name)});
  return blob;
}

/// Host, namespace, model and tag, with what a short name leaves out.
fs::path manifest_of(const std::string& name) {
  const size_t slash = name.rfind('/'), colon = name.find(':', slash == name.npos ? 0 : slash);
  const std::string tag = colon == name.npos ? std::string(kTag) : name.substr(colon + 1);
  fs::path path = name.substr(0, colon);
  const auto parts = std::distance(path.begin(), path.end());
  if (parts == 1) path = fs::path(kNamespace) / path;
  if (parts <= 2) path = fs::path(kHost) / path;
  return path / tag;
}

/// The name that manifest_of() takes, as Ollama prints it.
std::string name_of(const fs::path& manifest) {
  std::string name = manifest.parent_path().string();
  for (const std::string& front : {fmt::format("{}/{}/", kHost, kNamespace), fmt::format("{}/", kHost)})
    if (name.starts_with(front)) name.erase(0, front.size());
  return fmt::format("{}:{}", name, manifest.filename().string());
}

std::vector<StoredModel> list(const fs::path& root) {
  std::vector<StoredModel> found;
  const fs::path manifests = root / "manifests";
  std::error_code failed;
  for (fs::recursive_directory_iterator it(manifests, failed), end; !failed && it != end;
       it.increment(failed)) {
    std::error_code ignored;
    if (!it->is_regular_file(ignored)) continue;
    const std::string name = name_of(it->path().lexically_relative(manifests));
    StoredModel model{.name = fmt::format("{}{}", kOllamaStore.prefix, name)};
    try {
      model.path = model_of(root, it->path(), name);
    } catch (const Error& error) {
      model.problem = error.parts().what;
    }
    found.push_back(std::move(model));
  }
  std::ranges::sort(found, {}, &StoredModel::name);
  return found;
}

std::optional<fs::path> find(const fs::path& root, const std::string& name, const std::string&,
                             std::vector<std::string>& looked) {
  const fs::path manifest = root / "manifests" / manifest_of(name);
  looked.push_back(manifest.string());
  if (name.find("..") != name.npos || !fs::is_regular_file(manifest)) return std::nullopt;
  return model_of(root, manifest, name);
}

}  // namespace

const ModelStore kOllamaStore = {.title = "Ollama",
                                 .prefix = "ollama:",
                                 .fetch = "ollama pull {}",
                                 .roots = roots,
                                 .list = list,
                                 .find = find};

}  // namespace fettle
