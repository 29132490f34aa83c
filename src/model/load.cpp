#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <tuple>

#include "base/error.h"
#include "format/gguf.h"
#include "format/records.h"
#include "format/safetensors.h"
#include "model/loader.h"
#include "quant/storage.h"

namespace fettle {

namespace fs = std::filesystem;

namespace {

std::string shape_text(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

std::vector<fs::path> ggufs_in(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (entry.is_regular_file() && entry.path().extension() == ".gguf") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

// The one GGUF of a folder without safetensors.
fs::path only_gguf(const fs::path& folder) {
  const std::vector<fs::path> found = ggufs_in(folder);
  if (found.size() == 1) return found[0];
  if (found.size() > 1)
    throw Error({.what = fmt::format("the folder holds {} GGUF files", found.size()),
                 .where = folder.string(),
                 .hint = fmt::format("name the file, for example {}", found[0].string())});
  const bool pickled =
      fs::exists(folder / "pytorch_model.bin") || fs::exists(folder / "pytorch_model.bin.index.json");
  throw Error({.what = "the folder holds neither model.safetensors nor a GGUF file",
               .where = folder.string(),
               .hint = pickled
                           ? "pytorch_model.bin can run code when it is read; get the weights as safetensors"
                           : "a model's folder has config.json and model.safetensors, or one .gguf file"});
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view name) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == name;
  if (!name.starts_with(pattern.substr(0, star))) return false;
  const std::string_view rest = pattern.substr(star + 1);
  for (size_t at = star; at <= name.size(); ++at)
    if (glob_match(rest, name.substr(at))) return true;
  return false;
}

std::shared_ptr<const Model> Model::load(const fs::path& path, Listener& listener) {
  return ModelLoader().load(path, listener);
}

std::shared_ptr<const Model> ModelLoader::load(const fs::path& path, Listener& listener) {
  if (!fs::exists(path))
    throw Error({.what = "no such file or folder",
                 .where = path.string(),
                 .hint = "name a GGUF file, or a folder with config.json and model.safetensors"});
  model_->path_ = path;
  if (!fs::is_directory(path)) {
    open_gguf(path);
  } else if (fs::exists(path / "model.safetensors") || fs::exists(path / "model.safetensors.index.json")) {
    open_hf(path);
  } else {
    open_gguf(only_gguf(path));
  }
  check_hyper_params();
  find_prefix();
  claim_all();
  refuse_unclaimed(listener);
  return model_;
}

void ModelLoader::open_gguf(const fs::path& file) {
  if (file.extension() == ".safetensors")
    throw Error({.what = "a safetensors file alone does not say what model it is",
                 .where = file.string(),
                 .hint = "name its folder, which holds config.json too"});
  model_->gguf_ = GgufFile::open(file);
  const GgufFile& gguf = *model_->gguf_;
  model_->file_ = model_->gguf_;
  model_->family_ = &family_by_gguf(gguf.text("general.architecture"), file.string());
  model_->hp_ = model_->family_->from_gguf(gguf);
  model_->chat_template_ = gguf.text_or("tokenizer.chat_template", "");
}

void ModelLoader::open_hf(const fs::path& folder) {
  const std::string where = (folder / "config.json").string();
  const nlohmann::json config = parse_json_document(read_text(where), where);
  const auto names = config.is_object() ? config.find("architectures") : config.end();
  if (names == config.end() || !names->is_array() || names->empty() || !(*names)[0].is_string())
    throw Error({.what = "no list of texts under the key architectures", .where = where});
  if (config.contains("quantization_config") && !config["quantization_config"].is_null())
    throw Error(
        {.what = "quantization_config: weights quantised in the Hugging Face layout are not supported yet",
         .where = where,
         .hint = "use the unquantised weights, or a GGUF of this model"});
  const std::string architecture = (*names)[0].get<std::string>();
  model_->family_ = &family_by_hf(architecture, where);
  for (const ModuleRoot& root : model_->family_->module_roots)
    if (root.architecture == architecture) model_->module_root_ = &root;
  model_->hp_ = model_->family_->from_hf(config, where);
  model_->file_ = SafetensorsFile::open_folder(folder);
  read_chat_template(folder);
}

void ModelLoader::read_chat_template(const fs::path& folder) {
  if (fs::exists(folder / "chat_template.jinja")) {
    model_->chat_template_ = read_text(folder / "chat_template.jinja");
    return;
  }
  const fs::path file = folder / "tokenizer_config.json";
  if (!fs::exists(file)) return;
  const nlohmann::json config = parse_json_document(read_text(file), file.string());
  const auto it = config.is_object() ? config.find("chat_template") : config.end();
  if (it == config.end()) return;
  if (it->is_string()) model_->chat_template_ = it->get<std::string>();
  if (!it->is_array()) return;
  for (const nlohmann::json& named : *it)  // several by name: the one called default
    if (named.is_object() && named.value("name", "") == "default" && named.contains("template") &&
        named["template"].is_string())
      model_->chat_template_ = named["template"].get<std::string>();
}

void ModelLoader::check_hyper_params() const {
  const HyperParams& hp = model_->hp_;
  const std::string where = model_->file_->where();
  const struct {
    const char* name;
    int64_t value, most;
  } bounds[] = {
      {"the vocabulary's size", hp.vocab_size, 1 << 28},
      {"the number of layers", hp.layers, 1 << 16},
      {"the hidden size", hp.hidden, 1 << 24},
      {"the number of heads", hp.heads, 1 << 16},
      {"the number of K/V heads", hp.kv_heads, 1 << 16},
      {"the head's size", hp.head_dim, 1 << 16},
      {"the MLP's size", hp.ffn, 1 << 24},
      {"the context length", hp.context_length, INT32_MAX},
  };
  for (const auto& b : bounds)
    if (b.value < 1 || b.value > b.most)
      throw Error(
          {.what = fmt::format("{} is {}, expected 1 … {}", b.name, b.value, b.most), .where = where});
  if (hp.heads % hp.kv_heads != 0)
    throw Error({.what = fmt::format("{} heads do not divide over {} K/V heads", hp.heads, hp.kv_heads),
                 .where = where});
  if (hp.head_dim % 2 != 0)
    throw Error(
        {.what = fmt::format("the head's size {} is odd: rotary embedding pairs its halves", hp.head_dim),
         .where = where});
  if (!(hp.norm_eps >= 0 && hp.norm_eps < 1) || hp.sliding_window < 0 || !(hp.query_scalar >= 0))
    throw Error({.what = fmt::format("norm eps {}, window {} or query scale {} is out of range", hp.norm_eps,
                                     hp.sliding_window, hp.query_scalar),
                 .where = where});
  check_rope(hp.rope);
  if (hp.local_rope) check_rope(*hp.local_rope);
}

void ModelLoader::check_rope(const RopeParams& rope) const {
  const bool blend =
      rope.kind != RopeKind::llama3 ||
      (rope.low_freq_factor > 0 && rope.original_context > 0 && rope.high_freq_factor > rope.low_freq_factor);
  if (!(rope.theta > 0) || !(rope.factor > 0) || !blend)
    throw Error({.what = fmt::format("RoPE theta {}, factor {} or its frequency bounds are out of range",
                                     rope.theta, rope.factor),
                 .where = model_->file_->where()});
}

std::string ModelLoader::file_name(const TensorRow& row, int64_t layer) const {
  if (model_->is_gguf()) return tensor_name(row.gguf, layer);
  const std::string name = tensor_name(row.hf, layer);
  return name.starts_with(prefix_.in_table)
             ? fmt::format("{}{}", prefix_.in_file, name.substr(prefix_.in_table.size()))
             : name;
}

// Checkpoints saved from inside or around the causal LM have other names for the same tensors; the embedding
// tells.
void ModelLoader::find_prefix() {
  if (model_->is_gguf()) return;
  constexpr Prefix kKnown[] = {{"", ""},
                               {"base_model.model.", ""},
                               {"language_model.", ""},
                               {"model.language_model.", "model."},
                               {"", "model."}};
  const TensorRow* embedding = tensor_row(*model_->family_, Role::token_embd);
  FETTLE_CHECK(embedding != nullptr);
  for (const Prefix& p : kKnown) {
    prefix_ = p;
    if (model_->file_->find(file_name(*embedding, 0)) != nullptr) return;
  }
  prefix_ = kKnown[0];
}

void ModelLoader::claim_all() {
  const size_t slots = kRoleCount * size_t(model_->hp_.layers);
  model_->matrices_.resize(slots);
  model_->vectors_.resize(slots);
  for (const TensorRow& row : model_->family_->tensors) {
    const int64_t layers = per_layer(row) ? model_->hp_.layers : 1;
    for (int64_t layer = 0; layer < layers; ++layer) claim(row, layer);
  }
  order_tensors();
}

// The order a state dict has, so that a layer's tensors lie together: rows of the table before the layers',
// the layers, the rest.
void ModelLoader::order_tensors() {
  const auto rows = model_->family_->tensors;
  const auto first = std::ranges::find_if(rows, per_layer);
  const auto place = [&](const ModelTensor& t) {
    const int64_t part = per_layer(*t.row) ? 1 : t.row < &*first ? 0 : 2;
    return std::tuple(part, t.layer, t.row);
  };
  std::ranges::sort(model_->tensors_, {}, place);
}

void ModelLoader::claim(const TensorRow& row, int64_t layer) {
  if ((model_->is_gguf() ? row.gguf : row.hf).empty()) return;
  const std::string name = file_name(row, layer);
  const TensorEntry* tensor = model_->file_->find(name);
  const bool tied = row.role == Role::head && model_->hp_.tied_head;
  if (tensor == nullptr) {
    if (tied || (row.optional && row.role != Role::head)) return;
    throw Error({.what = fmt::format("the tensor {} is missing", name),
                 .where = model_->file_->where(),
                 .hint = row.role == Role::head
                             ? "or set tie_word_embeddings: true where the head is the embedding"
                             : ""});
  }
  const std::vector<int64_t> expected =
      row.rows == Dim::none ? std::vector{extent(row.cols, model_->hp_)}
                            : std::vector{extent(row.rows, model_->hp_), extent(row.cols, model_->hp_)};
  if (tensor->shape != expected)
    throw Error({.what = fmt::format("the tensor {} has shape {}, expected {}", name,
                                     shape_text(tensor->shape), shape_text(expected)),
                 .where = tensor->file,
                 .hint = "do the weights belong to this configuration?"});
  if (!has_storage(tensor->type))
    throw Error({.what = fmt::format("the tensor {} is stored as {}, which is not supported yet", name,
                                     fettle::name(tensor->type)),
                 .where = tensor->file});
  claimed_.insert(tensor->name);
  if (tied) return;  // some files carry the embedding twice
  model_->tensors_.push_back({.row = &row, .layer = layer, .entry = tensor});
  row.rows == Dim::none ? store_vector(row, layer, *tensor) : store_matrix(row, layer, *tensor);
}

void ModelLoader::store_matrix(const TensorRow& row, int64_t layer, const TensorEntry& tensor) {
  const bool interleaved = model_->is_gguf() && row.order == RowOrder::gguf_interleaved;
  model_->matrices_[size_t(row.role) * size_t(model_->hp_.layers) + size_t(layer)] = {
      .data = tensor.data.data(),
      .type = tensor.type,
      .rows = tensor.shape[0],
      .cols = tensor.shape[1],
      .row_bytes = row_bytes(tensor.type, tensor.shape[1]),
      .interleaved_head_dim = interleaved ? int32_t(model_->hp_.head_dim) : 0};
}

void ModelLoader::store_vector(const TensorRow& row, int64_t layer, const TensorEntry& tensor) {
  std::vector<float> values(size_t(tensor.shape[0]));
  storage(tensor.type).decode_f32(tensor.data.data(), int64_t(values.size()), values.data());
  if (!model_->is_gguf())
    for (float& value : values) value += row.hf_offset;
  if (row.role != Role::rope_freqs) {
    model_->vectors_[size_t(row.role) * size_t(model_->hp_.layers) + size_t(layer)] = std::move(values);
    return;
  }
  for (float divisor : values)
    if (!(divisor > 0))
      throw Error(
          {.what = fmt::format("the tensor {} holds {}, expected positive divisors", tensor.name, divisor),
           .where = tensor.file});
  model_->hp_.rope.freq_divisors = std::move(values);
}

void ModelLoader::refuse_unclaimed(Listener& listener) const {
  std::map<std::string_view, int64_t> skipped;  // by reason
  for (const TensorEntry& tensor : model_->file_->tensors()) {
    if (claimed_.contains(tensor.name)) continue;
    const auto matches = [&](const IgnoredTensors& row) { return glob_match(row.pattern, tensor.name); };
    const auto row = std::ranges::find_if(model_->family_->ignored, matches);
    if (row == model_->family_->ignored.end())
      throw Error(
          {.what = fmt::format("the tensor {} is no part of a {} model", tensor.name, model_->family_->name),
           .where = tensor.file,
           .hint = "the architecture differs from what the file says, or has parts Fettle does not know"});
    ++skipped[row->why];
    model_->unclaimed_.push_back(&tensor);
    constexpr std::string_view kWeight = ".weight";
    if (std::string module(tensor.name); tensor.shape.size() == 2 && module.ends_with(kWeight)) {
      module.resize(module.size() - kWeight.size());
      ++model_->skipped_linears_[module.substr(module.rfind('.') + 1)];
    }
  }
  for (const auto& [why, count] : skipped)
    listener.info(fmt::format("{}: {} tensors were skipped: {}", model_->file_->where(), count, why));
}

}  // namespace fettle
