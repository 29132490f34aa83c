// A LoRA adapter: flat parameters, their gradients, and PEFT's folder.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/model.h"

namespace fettle {

struct LoraConfig {
  int64_t rank = 8;
  double alpha = 16;
  double dropout = 0;
  bool rslora = false;
  std::vector<std::string> targets = {"all"};  // names as the table's `lora` column has them, or "all"
  std::string base_model;                      // base_model_name_or_path for adapter_config.json
};

/// One adapted linear: where its A and B lie in the flat parameters.
struct LoraEntry {
  Role role;
  int64_t layer, rank, in, out;
  double alpha;
  float scale;         // alpha / rank, or alpha / √rank
  int64_t a_at, b_at;  // offsets in floats: A [rank, in], B [out, rank]
  std::string module;  // "model.layers.0.self_attn.q_proj"
};

class LoraAdapter {
 public:
  /// A new adapter: A uniform in ±1/√in from (seed, init, entry), B zero, as PEFT's default. Error names a
  /// target that no linear of this family has, and lists those it has.
  static std::unique_ptr<LoraAdapter> create(const Model&, const LoraConfig&, uint64_t seed);
  /// PEFT's folder (adapter_config.json + adapter_model.safetensors). Error names the file, key or tensor; a
  /// feature we do not have (DoRA, modules_to_save, …) is refused by name.
  static std::unique_ptr<LoraAdapter> load(const std::filesystem::path& folder, const Model&);
  /// The union of the parts' linears with summed ranks and the last part's scales, all parameters zero: what
  /// sum_of_adapters() fills.
  static std::unique_ptr<LoraAdapter> zeros_for_sum(const Model&, std::span<const LoraAdapter* const> parts);
  /// Writes both files into an existing folder; f32.
  void save(const std::filesystem::path& folder) const;

  const LoraConfig& config() const { return config_; }
  /// base_model_name_or_path of adapter_config.json.
  void name_base(std::string name) { config_.base_model = std::move(name); }
  std::span<const LoraEntry> entries() const { return entries_; }
  const LoraEntry* find(Role role, int64_t layer) const;
  std::span<float> params() { return params_; }
  std::span<const float> params() const { return params_; }
  /// Empty until make_trainable().
  std::span<float> grads() { return grads_; }
  void make_trainable() { grads_.assign(params_.size(), 0.f); }
  /// The kernel's view of one entry (gradients empty when frozen, dropout only when trainable).
  LowRank low_rank(const LoraEntry& entry);

 private:
  friend class PeftReader;
  struct Target {
    const TensorRow* row;
    int64_t layer;
    std::string module;
  };
  /// Every linear of the model that an adapter can stand on, layer by layer in the table's order.
  static std::vector<Target> linears(const Model&);
  void append(const Model&, const Target&, int64_t rank, double alpha);
  void count_adaptable(const Model&);

  LoraConfig config_;
  std::vector<LoraEntry> entries_;
  std::vector<float> params_, grads_;
  std::map<std::string, int64_t, std::less<>>
      adaptable_;  // linears of the model by target name, not adapted ones too: what save() names
};

}  // namespace fettle
