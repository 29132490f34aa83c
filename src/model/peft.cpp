// PEFT's adapter folder: adapter_config.json and adapter_model.safetensors.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"
#include "format/safetensors.h"
#include "model/arch/hf_config.h"
#include "model/lora.h"
#include "quant/storage.h"

namespace fettle {

namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

constexpr const char* kConfigFile = "adapter_config.json";
constexpr const char* kTensorFile = "adapter_model.safetensors";
constexpr std::string_view kPrefix = "base_model.model.";

// Keys of adapters that are more than A and B on linears, with every value that switches them off.
struct Refusal {
  const char* key;
  std::vector<Json> harmless;
};
const std::vector<Refusal>& refusals() {
  static const std::vector<Refusal> rows = {
      {"alora_invocation_tokens", {}},
      {"arrow_config", {}},
      {"bias", {"none"}},
      {"fan_in_fan_out", {false}},
      {"init_lora_weights",
       {true, false, "gaussian", "eva", "orthogonal"}},  // the others change the base's weights
      {"kasa_config", {}},
      {"layer_replication", {}},
      {"lora_bias", {false}},
      {"modules_to_save", {Json::array()}},
      {"monteclora_config", {}},
      {"target_parameters", {Json::array()}},
      {"trainable_token_indices", {Json::array()}},
      {"use_bdlora", {false}},
      {"use_dora", {false}},
      {"use_qalora", {false}},
      {"velora_config", {}},
  };
  return rows;
}

// PEFT writes whole alphas as integers.
Json number_json(double x) {
  return x == std::floor(x) && std::abs(x) < 0x1p53 ? Json(int64_t(x)) : Json(x);
}

}  // namespace

/// Reads one folder into an adapter. The tensors decide which linears are adapted, so target lists, regular
/// expressions, exclusions and layer choices need no interpretation; the configuration gives rank, alpha and
/// features.
class PeftReader {
 public:
  PeftReader(const fs::path& folder, const Model& model)
      : model_(model),
        config_path_((folder / kConfigFile).string()),
        json_(parse_json_document(read_text(config_path_), config_path_)),
        config_(json_, config_path_),
        file_(open_tensors(folder)),
        adapter_(std::make_unique<LoraAdapter>()) {}

  std::unique_ptr<LoraAdapter> read() {
    read_config();
    index_tensors();
    adapter_->count_adaptable(model_);
    for (const LoraAdapter::Target& target : LoraAdapter::linears(model_)) read_linear(target);
    refuse_the_rest();
    check_targets();
    return std::move(adapter_);
  }

 private:
  static std::shared_ptr<const SafetensorsFile> open_tensors(const fs::path& folder) {
    if (!fs::exists(folder / kTensorFile) && fs::exists(folder / "adapter_model.bin"))
      throw Error({.what = "adapter_model.bin can run code when it is read, and is not",
                   .where = folder.string(),
                   .hint = "save the adapter as safetensors"});
    return SafetensorsFile::open(folder / kTensorFile);
  }

  void read_config() {
    if (!json_.is_object()) throw Error({.what = "not a JSON object", .where = config_path_});
    if (const std::string type = config_.text_or("peft_type", "LORA"); type != "LORA")
      throw Error({.what = fmt::format("peft_type is {}, only LORA adapters are supported", type),
                   .where = config_path_});
    for (const Refusal& row : refusals()) {
      const auto it = json_.find(row.key);
      if (it == json_.end() || it->is_null() || std::ranges::find(row.harmless, *it) != row.harmless.end())
        continue;
      throw Error({.what = fmt::format("{} is {}: this kind of adapter is not supported yet", row.key,
                                       it->dump(-1, ' ', false, Json::error_handler_t::replace)),
                   .where = config_path_});
    }
    LoraConfig& out = adapter_->config_;
    out.rank = config_.integer_or("r", 8);
    out.alpha = config_.number_or("lora_alpha", 8);
    out.dropout = config_.number_or("lora_dropout", 0);
    out.rslora = config_.flag_or("use_rslora", false);
    out.base_model = config_.text_or("base_model_name_or_path", "");
    if (out.rank < 1 || out.rank > (1 << 20) || !std::isfinite(out.alpha) ||
        !(out.dropout >= 0 && out.dropout < 1))
      throw Error({.what = fmt::format("r {}, lora_alpha {} or lora_dropout {} is out of range", out.rank,
                                       out.alpha, out.dropout),
                   .where = config_path_});
    ranks_ = patterns("rank_pattern");
    alphas_ = patterns("alpha_pattern");
  }

  struct Pattern {
    std::string key;
    std::regex regex;
    double value;
  };

  std::regex compile(const std::string& text, const std::string& where) const {
    try {
      if (text.size() > 1000) throw std::regex_error(std::regex_constants::error_complexity);
      // Polynomial: with backtracking a short expression of a stranger's file can take years.
      return std::regex(text, std::regex::ECMAScript | std::regex_constants::__polynomial);
    } catch (const std::regex_error& e) {
      throw Error({.what = fmt::format("'{}' is no regular expression that can be read: {}", text, e.what()),
                   .where = where});
    }
  }

  std::vector<Pattern> patterns(const char* key) const {
    std::vector<Pattern> found;
    const Json* object = config_.object_or_null(key);
    if (object == nullptr) return found;
    const std::string where = fmt::format("{}: {}", config_path_, key);
    const HfConfig values(*object, where);
    for (const auto& [name, value] : object->items())
      found.push_back({name, compile(fmt::format("(.*\\.)?({})$", name), where), values.number(name)});
    return found;
  }

  double value_for(const std::string& module, const std::vector<Pattern>& rows, double otherwise) const {
    const auto it =
        std::ranges::find_if(rows, [&](const Pattern& p) { return std::regex_match(module, p.regex); });
    return it == rows.end() ? otherwise : it->value;
  }

  // Tensors by the name PEFT saves them under: without the prefix and a live model's ".default." infix.
  void index_tensors() {
    for (const TensorEntry& tensor : file_->tensors()) {
      std::string name = tensor.name;
      if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
      constexpr std::string_view kInfix = ".default.";
      if (const size_t at = name.find(kInfix); at != std::string::npos) name.erase(at, kInfix.size() - 1);
      if (!tensors_.emplace(name, &tensor).second)
        throw Error(
            {.what = fmt::format("the tensor {} is there under two names", name), .where = tensor.file});
    }
  }

  void read_linear(const LoraAdapter::Target& target) {
    const auto a = tensors_.find(target.module + ".lora_A.weight"),
               b = tensors_.find(target.module + ".lora_B.weight");
    if (a == tensors_.end() && b == tensors_.end()) return;
    if (a == tensors_.end() || b == tensors_.end())
      throw Error({.what = fmt::format("{} has only one of lora_A and lora_B", target.module),
                   .where = file_->where()});
    const double rank = value_for(target.module, ranks_, double(adapter_->config_.rank));
    if (!(rank >= 1 && rank <= 1 << 20) || rank != std::floor(rank))
      throw Error({.what = fmt::format("rank_pattern gives {} the rank {}", target.module, rank),
                   .where = config_path_});
    // Before anything is allocated for a rank that only the configuration claims.
    expect_shape(*a->second, {int64_t(rank), extent(target.row->cols, model_.hp())});
    expect_shape(*b->second, {extent(target.row->rows, model_.hp()), int64_t(rank)});
    adapter_->append(model_, target, int64_t(rank),
                     value_for(target.module, alphas_, adapter_->config_.alpha));
    const LoraEntry& e = adapter_->entries_.back();
    read_tensor(*a->second, e.a_at);
    read_tensor(*b->second, e.b_at);
    tensors_.erase(a);
    tensors_.erase(b);
  }

  static void expect_shape(const TensorEntry& tensor, const std::vector<int64_t>& expected) {
    if (tensor.shape != expected)
      throw Error({.what = fmt::format("the tensor {} has shape [{}], expected [{}]", tensor.name,
                                       fmt::join(tensor.shape, ", "), fmt::join(expected, ", ")),
                   .where = tensor.file,
                   .hint = "does the adapter belong to this model?"});
  }

  void read_tensor(const TensorEntry& tensor, int64_t at) {
    if (tensor.type != DType::f32 && tensor.type != DType::f16 && tensor.type != DType::bf16)
      throw Error({.what = fmt::format("the tensor {} is stored as {}, expected F32, F16 or BF16",
                                       tensor.name, name(tensor.type)),
                   .where = tensor.file});
    storage(tensor.type).decode_f32(tensor.data.data(), tensor.elements(), adapter_->params_.data() + at);
  }

  void refuse_the_rest() const {
    if (!tensors_.empty())
      throw Error(
          {.what = fmt::format("the tensor {} belongs to no linear layer that Fettle adapts in a {} model",
                               tensors_.begin()->second->name, model_.family().name),
           .where = file_->where()});
    if (adapter_->entries_.empty())
      throw Error({.what = "the adapter holds no tensors", .where = file_->where()});
  }

  // A name in target_modules that no tensor answers to would be a part of the adapter that silently vanished.
  void check_targets() {
    const auto it = json_.find("target_modules");
    std::vector<std::string> names;
    if (it != json_.end() && it->is_array())
      for (const Json& name : *it)
        if (name.is_string()) names.push_back(name.get<std::string>());
    for (const std::string& name : names) {
      const auto adapted = [&](const LoraEntry& e) {
        return e.module == name || e.module.ends_with(fmt::format(".{}", name));
      };
      if (!std::ranges::any_of(adapter_->entries_, adapted))
        throw Error(
            {.what = fmt::format("target_modules names {}, but {} has no tensor for it", name, kTensorFile),
             .where = config_path_});
    }
    adapter_->config_.targets = std::move(names);
    if (adapter_->config_.targets.empty())  // a regular expression or "all-linear": what it meant here
      for (const LoraEntry& e : adapter_->entries_) adapter_->config_.targets.push_back(e.module);
  }

  const Model& model_;
  const std::string config_path_;
  const Json json_;
  const HfConfig config_;
  const std::shared_ptr<const SafetensorsFile> file_;
  std::unique_ptr<LoraAdapter> adapter_;
  std::vector<Pattern> ranks_, alphas_;
  std::map<std::string, const TensorEntry*> tensors_;
};

std::unique_ptr<LoraAdapter> LoraAdapter::load(const fs::path& folder, const Model& model) {
  return PeftReader(folder, model).read();
}

namespace {

// "model.layers.0.self_attn.q_proj" → "q_proj".
std::string last_part(const std::string& module) {
  return module.substr(module.rfind('.') + 1);
}

// Short names where every linear of the name is adapted, whole paths otherwise; sorted, as a set has no
// order.
std::vector<std::string> target_modules(std::span<const LoraEntry> entries,
                                        const std::map<std::string, int64_t, std::less<>>& adaptable) {
  std::map<std::string, int64_t> adapted;
  for (const LoraEntry& e : entries) ++adapted[last_part(e.module)];
  std::set<std::string> names;
  for (const LoraEntry& e : entries) {
    const std::string name = last_part(e.module);
    const auto all = adaptable.find(name);
    names.insert(all != adaptable.end() && all->second == adapted[name] ? name : e.module);
  }
  return {names.begin(), names.end()};
}

// The keys of PEFT 0.18 that say the same of every adapter of ours.
Json neutral_keys() {
  return {{"alora_invocation_tokens", nullptr},
          {"arrow_config", nullptr},
          {"auto_mapping", nullptr},
          {"bias", "none"},
          {"corda_config", nullptr},
          {"ensure_weight_tying", false},
          {"eva_config", nullptr},
          {"exclude_modules", nullptr},
          {"fan_in_fan_out", false},
          {"inference_mode", true},
          {"init_lora_weights", true},
          {"layer_replication", nullptr},
          {"layers_pattern", nullptr},
          {"layers_to_transform", nullptr},
          {"loftq_config", Json::object()},
          {"lora_bias", false},
          {"megatron_config", nullptr},
          {"megatron_core", "megatron.core"},
          {"modules_to_save", nullptr},
          {"peft_type", "LORA"},
          {"peft_version", "0.18.0"},
          {"qalora_group_size", 16},
          {"revision", nullptr},
          {"target_parameters", nullptr},
          {"task_type", "CAUSAL_LM"},
          {"trainable_token_indices", nullptr},
          {"use_dora", false},
          {"use_qalora", false}};
}

Json config_json(const LoraAdapter& adapter, const std::vector<std::string>& targets) {
  const LoraConfig& c = adapter.config();
  Json ranks = Json::object(), alphas = Json::object();
  for (const LoraEntry& e : adapter.entries()) {
    if (e.rank != c.rank) ranks[e.module] = e.rank;
    if (e.alpha != c.alpha) alphas[e.module] = number_json(e.alpha);
  }
  Json config = neutral_keys();
  config["alpha_pattern"] = alphas;
  config["base_model_name_or_path"] = c.base_model.empty() ? Json() : Json(c.base_model);
  config["lora_alpha"] = number_json(c.alpha);
  config["lora_dropout"] = c.dropout;
  config["r"] = c.rank;
  config["rank_pattern"] = ranks;
  config["target_modules"] = targets;
  config["use_rslora"] = c.rslora;
  return config;
}

}  // namespace

void LoraAdapter::save(const fs::path& folder) const {
  std::vector<TensorToWrite> tensors;
  const auto add = [&](const LoraEntry& e, const char* which, std::vector<int64_t> shape, int64_t at) {
    const std::span<const float> values(params_.data() + at, size_t(shape[0] * shape[1]));
    tensors.push_back({.name = fmt::format("{}{}.{}.weight", kPrefix, e.module, which),
                       .type = DType::f32,
                       .shape = std::move(shape),
                       .produce = [values](const auto& sink) { sink(std::as_bytes(values)); }});
  };
  for (const LoraEntry& e : entries_) {
    add(e, "lora_A", {e.rank, e.in}, e.a_at);
    add(e, "lora_B", {e.out, e.rank}, e.b_at);
  }
  write_safetensors(folder / kTensorFile, std::move(tensors), {{"format", "pt"}});
  write_atomic(folder / kConfigFile, config_json(*this, target_modules(entries_, adaptable_)).dump(2) + "\n");
}

}  // namespace fettle
