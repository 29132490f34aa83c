// Ollama's store: manifests-v2 (manifests, before) /HOST/NAMESPACE/MODEL/TAG names layers by digest,
// blobs/sha256-HEX holds them.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
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
constexpr std::string_view kNewHost = "ollama.com";  // the same registry, as manifests-v2 writes it

/// As a service the program has a home of its own.
std::vector<fs::path> roots(const StoreOptions&) {
  if (std::string models = environment_path("OLLAMA_MODELS").string(); !models.empty()) {
    constexpr const char* kQuotes = "\"'";  // Ollama takes them off, too
    models.erase(models.find_last_not_of(kQuotes) + 1);
    models.erase(0, models.find_first_not_of(kQuotes));
    return {models};
  }
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
  constexpr std::string_view kKind = "sha256";
  constexpr size_t kHexDigits = 64;
  const std::string hex = digest.substr(std::min(digest.size(), kKind.size() + 1));
  if (!digest.starts_with(kKind) || hex.size() != kHexDigits ||
      std::string_view(":-").find(digest[kKind.size()]) == std::string_view::npos ||
      hex.find_first_not_of("0123456789abcdefABCDEF") != hex.npos)
    throw Error({.what = fmt::format("'{}' is no digest sha256:HEX of a layer", digest), .where = where});
  const fs::path blob = root / "blobs" / fmt::format("{}-{}", kKind, hex),
                 old = root / "blobs" / fmt::format("{}:{}", kKind, hex);  // what early versions wrote
  return fs::is_regular_file(old) && !fs::is_regular_file(blob) ? old : blob;
}

nlohmann::json read_manifest(const fs::path& path) {
  const std::string where = path.string();
  return parse_json_document(read_text(path), where);
}

/// Of a list with a manifest per program that runs the model, the one of a program that reads GGUF.
nlohmann::json runnable(const fs::path& root, const nlohmann::json& list, const std::string& where) {
  std::string others;
  const auto entries = list.find("manifests");
  if (entries == list.end() || !entries->is_array())
    throw Error({.what = "a list of manifests without manifests", .where = where});
  for (const char* runner : {"ollama", "llamacpp"})
    for (const nlohmann::json& entry : *entries) {
      if (text_of(entry, "runner") != runner) continue;
      if (entry.contains("layers")) return entry;
      return read_manifest(blob_of(root, text_of(entry, "digest"), where));
    }
  for (const nlohmann::json& entry : *entries) others += " " + text_of(entry, "runner");
  throw Error({.what = fmt::format("the model is there for other programs only:{}", others),
               .where = where,
               .hint = "pull a tag that is a GGUF file"});
}

/// The GGUF file that a manifest names.
fs::path model_of(const fs::path& root, const fs::path& manifest, const std::string& name) {
  constexpr std::string_view kLayer = "application/vnd.ollama.image.";
  const std::string where = manifest.string();
  nlohmann::json document = read_manifest(manifest);
  if (text_of(document, "mediaType") == "application/vnd.ollama.manifest.list.v2+json")
    document = runnable(root, document, where);
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
    if (kind == fmt::format("{}tensor", kLayer))
      throw Error({.what = "the model is kept as single tensors, a GGUF file is read",
                   .where = where,
                   .hint = "pull a tag that is a GGUF file"});
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

/// Host, namespace, model and tag.
using Name = std::array<std::string, 4>;

/// With what a short name leaves out; nothing for what is no name.
std::optional<Name> parse_name(const std::string& text) {
  const size_t slash = text.rfind('/'), colon = text.find(':', slash == text.npos ? 0 : slash);
  Name name{std::string(kHost), std::string(kNamespace), "",
            colon == text.npos ? std::string(kTag) : text.substr(colon + 1)};
  std::string front = text.substr(0, colon);
  for (int part = 2; part >= 0; --part) {
    const size_t border = part == 0 ? front.npos : front.rfind('/');
    name[size_t(part)] = border == front.npos ? front : front.substr(border + 1);
    if (border == front.npos) break;
    front.resize(border);
  }
  return std::ranges::any_of(name, &std::string::empty) ? std::nullopt : std::optional(name);
}

/// As Ollama prints it, and parse_name() takes it.
std::string text_of(const Name& name) {
  const auto& [host, space, model, tag] = name;
  std::string front;
  if (host != kHost) front = host + "/";
  if (host != kHost || space != kNamespace) front += space + "/";
  return fmt::format("{}{}:{}", front, model, tag);
}

fs::path path_of(const Name& name) {
  const auto& [host, space, model, tag] = name;
  return fs::path(host) / space / model / tag;
}

/// Ollama's names are the same in small and in capital letters.
bool same(const Name& a, const Name& b) {
  const auto equal = [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); };
  return std::ranges::equal(
      a, b, [&](const std::string& x, const std::string& y) { return std::ranges::equal(x, y, equal); });
}

struct Manifest {
  Name name;
  fs::path path;
};

/// Every manifest; of those with one name, the one that Ollama reads.
std::vector<Manifest> manifests_of(const fs::path& root) {
  constexpr int kLevels = 4;
  std::vector<Manifest> found;
  for (const char* folder : {"manifests-v2", "manifests"}) {
    const fs::path top = root / folder;
    std::error_code failed, ignored;
    for (fs::recursive_directory_iterator it(top, failed), end; !failed && it != end; it.increment(failed)) {
      if (it.depth() != kLevels - 1 || it->is_directory(ignored)) continue;
      Name name;
      std::ranges::copy(it->path().lexically_relative(top), name.begin());
      if (name[0] == kNewHost) name[0] = kHost;
      if (name[3].starts_with('.')) continue;  // being written
      const auto is_it = [&](const Manifest& other) { return same(other.name, name); };
      if (std::ranges::none_of(found, is_it)) found.push_back({std::move(name), it->path()});
    }
  }
  return found;
}

std::vector<StoredModel> list(const fs::path& root) {
  std::vector<StoredModel> found;
  for (const Manifest& manifest : manifests_of(root)) {
    const std::string name = text_of(manifest.name);
    StoredModel model{.name = fmt::format("{}{}", kOllamaStore.prefix, name)};
    try {
      model.path = model_of(root, manifest.path, name);
    } catch (const Error& error) {
      model.problem = error.parts().what;
    }
    found.push_back(std::move(model));
  }
  std::ranges::sort(found, {}, &StoredModel::name);
  return found;
}

std::optional<fs::path> find(const fs::path& root, const std::string& text, const std::string&,
                             std::vector<std::string>& looked) {
  std::optional<Name> name = parse_name(text);
  if (!name) return std::nullopt;
  if ((*name)[0] == kNewHost) (*name)[0] = kHost;
  looked.push_back((root / "manifests" / path_of(*name)).string());
  for (const Manifest& manifest : manifests_of(root))
    if (same(manifest.name, *name)) return model_of(root, manifest.path, text);
  return std::nullopt;
}

}  // namespace

const ModelStore kOllamaStore = {.title = "Ollama",
                                 .prefix = "ollama:",
                                 .fetch = "ollama pull {}",
                                 .roots = roots,
                                 .list = list,
                                 .find = find};

}  // namespace fettle
