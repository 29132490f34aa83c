// fettle init --from NAME: an example, and what it trains on.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/embedded.h"
#include "app/init.h"
#include "base/error.h"
#include "base/file.h"
#include "base/options.h"
#include "compat/llamafactory/front.h"
#include "data/locate.h"
#include "data/register.h"
#include "format/records.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

constexpr std::string_view kExamples = "examples/", kYaml = ".yaml", kData = "data/";

/// "train_lora/llama3_lora_sft" of a path.
std::string example_name(std::string_view path) {
  if (path.starts_with(kExamples)) path.remove_prefix(kExamples.size());
  if (path.ends_with(kYaml)) path.remove_suffix(kYaml.size());
  return std::string(path);
}

std::string last_part(const std::string& name) {
  return name.substr(name.rfind('/') + 1);
}

const EmbeddedFile* embedded(std::string_view path) {
  const auto files = embedded_files();
  const auto it = std::ranges::find(files, path, &EmbeddedFile::path);
  return it == files.end() ? nullptr : &*it;
}

const EmbeddedFile& find_example(const std::string& wanted) {
  const std::string name = example_name(wanted);
  std::vector<std::string> all, alike;
  for (const EmbeddedFile& file : embedded_files())
    if (file.path.starts_with(kExamples)) {
      all.push_back(example_name(file.path));
      if (all.back() == name) return file;
      if (last_part(all.back()) == name) alike.push_back(all.back());
    }
  if (alike.size() == 1) return *embedded(fmt::format("{}{}{}", kExamples, alike[0], kYaml));
  const std::string near = nearest_name(name, all);
  throw Error(
      {.what = fmt::format("{} \"{}\"", alike.empty() ? "there is no example" : "several examples are called",
                           wanted),
       .where = "from",
       .hint = fmt::format("{}there are: {}", near.empty() ? "" : fmt::format("did you mean {}? ", near),
                           fmt::join(alike.empty() ? all : alike, ", "))});
}

/// Puts a set into a folder that does not have it; nothing there is written over.
void bring_set(const std::string& name, const fs::path& folder, Listener& listener) {
  const fs::path registry = folder / "dataset_info.json";
  if (fs::exists(registry) && parse_json_document(read_text(registry), registry.string()).contains(name))
    return;
  const EmbeddedFile* ours = embedded("data/dataset_info.json");
  FETTLE_CHECK(ours != nullptr);
  const auto sets = nlohmann::ordered_json::parse(ours->text);
  if (!sets.contains(name)) return;  // a set of the user's own
  const auto file_name = sets[name]["file_name"].get<std::string>();
  const EmbeddedFile* file = embedded(fmt::format("{}{}", kData, file_name));
  FETTLE_CHECK(file != nullptr, "{}", file_name);
  fs::create_directories(folder);
  if (!fs::exists(folder / file_name)) write_atomic(folder / file_name, file->text);
  const std::string registered = register_dataset(folder, name, sets[name]);
  listener.info(
      fmt::format("dataset {}: {} is put into {} and registered", registered, file_name, folder.string()));
}
}  // namespace

void require_free(const fs::path& path) {
  if (fs::exists(path))
    throw Error({.what = "a file of that name stands there already",
                 .where = path.string(),
                 .hint = "name another with --output, or move it away"});
}

fs::path copy_example(const std::string& name, const fs::path& output, Listener& listener) {
  const EmbeddedFile& example = find_example(name);
  fs::path path = output.empty() ? fs::path(example.path).filename() : output;
  require_free(path);
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  write_atomic(path, example.text);
  const std::string words[] = {path.string()};
  Listener silent;
  const OptionSet options = llamafactory::parse_arguments(words, silent);
  for (const std::string& set : options.list("dataset"))
    if (!is_data_path(set)) bring_set(set, options.text("dataset_dir"), listener);
  return path;
}

}  // namespace fettle::app
