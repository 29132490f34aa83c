// fettle models --local: what lies on this machine, by the names that model_name_or_path takes.
#include <fmt/format.h>

#include <filesystem>

#include "app/verbs.h"
#include "base/error.h"
#include "base/memory.h"
#include "format/model_stores.h"
#include "model/model.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

/// What a model is, from its header; no weight is read.
std::string description(const StoredModel& stored) {
  if (!stored.problem.empty()) return "not read: " + stored.problem;
  try {
    Listener silent;
    const auto model = Model::load(stored.path, silent);
    return fmt::format("{:>10}  {}, {:.4g} M parameters, {}", memory_text(model->weight_bytes()),
                       model->family().name, double(model->parameters()) / 1e6, name(model->main_type()));
  } catch (const Error& error) {
    return "not read: " + error.parts().what;
  }
}

std::string shown_name(const StoredModel& model) {
  return model.revision.empty() ? model.name
                                : fmt::format("{} (model_revision: {})", model.name, model.revision);
}

/// Returns how many it listed.
size_t print_store(const ModelStore& store) {
  size_t count = 0;
  for (const fs::path& root : store.roots({})) {
    const std::vector<StoredModel> models = store.list(root);
    fmt::print("{:<13} {}{}\n", store.title, root.string(),
               !fs::is_directory(root) ? ": no such folder"
               : models.empty()        ? ": no models"
                                       : "");
    size_t width = 0;
    for (const StoredModel& model : models) width = std::max(width, shown_name(model).size());
    for (const StoredModel& model : models)
      fmt::print("  {:<{}}  {}\n", shown_name(model), width, description(model));
    count += models.size();
  }
  return count;
}
}  // namespace

int models_verb(Words words) {
  for (const std::string& word : words)
    if (word != "--local")
      throw Error({.what = fmt::format("'{}' found, --local expected", word),
                   .where = "models",
                   .hint = "fettle models --local lists the models on this machine"});
  size_t count = 0;
  for (const ModelStore& store : model_stores()) count += print_store(store);
  if (count > 0) {
    fmt::print("\nEach name stands for its model, read where it lies: model_name_or_path: NAME\n");
    return 0;
  }
  fmt::print("\nNo models. One gets there by\n");
  for (const ModelStore& store : model_stores())
    fmt::print("  {}\n", fmt::format(fmt::runtime(store.fetch), "NAME"));
  fmt::print("and a GGUF file or a folder with config.json and safetensors is a model wherever it lies.\n");
  return 0;
}

}  // namespace fettle::app
