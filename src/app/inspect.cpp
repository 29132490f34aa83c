#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>

#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/chat_template.h"
#include "format/gguf.h"
#include "format/model_stores.h"
#include "format/records.h"
#include "format/safetensors.h"
#include "model/model.h"
#include "tune/load_data.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;

std::string shape_text(const std::vector<int64_t>& shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

void print_types(const TensorFile& file) {
  std::map<std::string_view, std::pair<int64_t, int64_t>> types;
  for (const TensorEntry& t : file.tensors()) {
    auto& [count, bytes] = types[name(t.type)];
    ++count;
    bytes += int64_t(t.data.size());
  }
  for (const auto& [type, sum] : types)
    fmt::print("  {:<6} {:>5} tensor{}  {}\n", type, sum.first, sum.first == 1 ? " " : "s",
               memory_text(sum.second));
}

void print_tensors(const TensorFile& file) {
  for (const TensorEntry& t : file.tensors())
    fmt::print("  {:<6} {:<18} {}\n", name(t.type), shape_text(t.shape), t.name);
}

// ", window 512 in 15 of 18 layers, rotary base 10000 there".
std::string window_text(const HyperParams& hp) {
  int64_t local = 0;
  for (int64_t layer = 0; layer < hp.layers; ++layer) local += hp.window(layer) > 0;
  if (local == 0) return "";
  std::string text = fmt::format(", window {}", hp.sliding_window);
  if (local < hp.layers) text += fmt::format(" in {} of {} layers", local, hp.layers);
  if (hp.local_rope) text += fmt::format(", rotary base {} there", hp.local_rope->theta);
  return text;
}

void print_model(const Model& model) {
  const HyperParams& hp = model.hp();
  fmt::print("family      {}\n", model.family().name);
  fmt::print("parameters  {} ({} in the file)\n", grouped(model.parameters()),
             memory_text(model.weight_bytes()));
  fmt::print(
      "shape       {} layers, hidden {}, ffn {}, {} heads of {} ({} for keys and values), vocabulary {}{}\n",
      hp.layers, hp.hidden, hp.ffn, hp.heads, hp.head_dim, hp.kv_heads, grouped(hp.vocab_size),
      hp.tied_head ? ", head tied to the embedding" : "");
  fmt::print("context     {} tokens, rotary base {}{}\n", grouped(hp.context_length), hp.rope.theta,
             window_text(hp));
  const auto tokenizer = tokenizer_of(model);
  fmt::print("tokenizer   {}\n", tokenizer->describe());
  const std::string_view known = guess_template(model.chat_template(), *tokenizer);
  fmt::print("template    {}\n", !known.empty() ? fmt::format("its own renders as `template: {}`", known)
                                 : model.chat_template().empty()
                                     ? "none in the file: `template: empty` unless another is set"
                                     : "its own is none that is known: set template");
  std::string targets;
  for (const TensorRow& row : model.family().tensors)
    if (!row.lora.empty()) targets += (targets.empty() ? "" : ", ") + std::string(row.lora);
  fmt::print("lora_target {}\n", targets);
}

bool is_adapter(const fs::path& path) {
  return fs::is_directory(path) && fs::exists(path / "adapter_model.safetensors");
}

// A value of adapter_config.json as one reads it; what is not there says so.
std::string config_text(const nlohmann::json& config, const char* key) {
  const auto it = config.find(key);
  if (it == config.end() || it->is_null()) return "not said";
  if (it->is_string()) return it->get<std::string>();
  if (!it->is_array()) return it->dump();
  std::string text;
  for (const nlohmann::json& item : *it)
    text += (text.empty() ? "" : ", ") + (item.is_string() ? item.get<std::string>() : item.dump());
  return text;
}

void print_adapter(const fs::path& folder, const TensorFile& file) {
  const fs::path path = folder / "adapter_config.json";
  const nlohmann::json config = parse_json_document(read_text(path), path.string());
  if (!config.is_object()) throw Error({.what = "an object was expected", .where = path.string()});
  int64_t parameters = 0;
  for (const TensorEntry& t : file.tensors())
    parameters += std::accumulate(t.shape.begin(), t.shape.end(), int64_t(1), std::multiplies<>());
  fmt::print("kind        {}\n", config_text(config, "peft_type"));
  fmt::print("base        {}\n", config_text(config, "base_model_name_or_path"));
  fmt::print("rank        {}, alpha {}, dropout {}, rslora {}\n", config_text(config, "r"),
             config_text(config, "lora_alpha"), config_text(config, "lora_dropout"),
             config_text(config, "use_rslora"));
  fmt::print("targets     {}\n", config_text(config, "target_modules"));
  fmt::print("parameters  {}\n", grouped(parameters));
}

std::shared_ptr<const TensorFile> open_tensors(const fs::path& path) {
  if (fs::is_directory(path)) {
    if (is_adapter(path)) return SafetensorsFile::open(path / "adapter_model.safetensors");
    return SafetensorsFile::open_folder(path);
  }
  if (path.extension() == ".safetensors") return SafetensorsFile::open(path);
  return GgufFile::open(path);
}

// A folder that holds a GGUF and no safetensors is inspected as that file, found as training and chat find
// it.
fs::path resolved(const fs::path& path) {
  if (!fs::is_directory(path) || is_adapter(path) || fs::exists(path / "model.safetensors") ||
      fs::exists(path / "model.safetensors.index.json"))
    return path;
  Listener silent;
  return Model::load(path, silent)->gguf()->where();
}

bool is_model(const fs::path& path) {
  if (is_adapter(path)) return false;
  return fs::is_directory(path) ? fs::exists(path / "config.json") : path.extension() != ".safetensors";
}
}  // namespace

int inspect_verb(Words words) {
  std::vector<std::string> paths(words.begin(), words.end());
  const bool list = std::erase(paths, "--tensors") > 0;
  for (const std::string& word : paths)
    if (word.starts_with("--"))
      throw Error({.what = fmt::format("unknown flag {}", word),
                   .where = "inspect",
                   .hint = "the one flag is --tensors; a file of that name is ./" + word});
  if (paths.size() != 1)
    throw Error(
        {.what = fmt::format("{} files named, one expected", paths.size()),
         .where = "inspect",
         .hint =
             "fettle inspect FILE [--tensors]: a GGUF or safetensors file, a model or an adapter folder"});
  const fs::path path = resolved(find_model(paths[0], {}, "inspect").path);
  const auto file = open_tensors(path);
  const bool adapter = is_adapter(path);
  fmt::print("{}: {}, {}, {} tensors\n", path.string(), file->container(),
             adapter          ? "a LoRA adapter"
             : is_model(path) ? "a model"
                              : "tensors",
             file->tensors().size());
  if (adapter) print_adapter(path, *file);
  try {
    Listener silent;
    if (is_model(path)) print_model(*Model::load(path, silent));
  } catch (const Error&) {  // what the file holds is worth seeing all the more
    print_types(*file);
    throw;
  }
  print_types(*file);
  if (list) print_tensors(*file);
  return 0;
}

}  // namespace fettle::app
