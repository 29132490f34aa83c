#include "model/lora.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/rng.h"

namespace fettle {

namespace {

// PEFT's rule: a target names a module when it is its path or the end of it behind a dot.
bool names_module(std::string_view target, std::string_view module) {
  return module == target || (module.size() > target.size() && module.ends_with(target) &&
                              module[module.size() - target.size() - 1] == '.');
}

}  // namespace

std::vector<LoraAdapter::Target> LoraAdapter::linears(const Model& model) {
  std::vector<Target> found;
  for (int64_t layer = 0; layer < model.hp().layers; ++layer)
    for (const TensorRow& row : model.family().tensors)
      if (!row.lora.empty() && (per_layer(row) || layer == 0))
        found.push_back({&row, layer, model.module_path(row, layer)});
  return found;
}

void LoraAdapter::count_adaptable(const Model& model) {
  for (const Target& target : linears(model)) ++adaptable_[std::string(target.row->lora)];
  for (auto& [name, count] : adaptable_) count += model.namesakes(name);
}

void LoraAdapter::append(const Model& model, const Target& target, int64_t rank, double alpha) {
  const int64_t in = extent(target.row->cols, model.hp()), out = extent(target.row->rows, model.hp());
  const int64_t at = int64_t(params_.size());
  entries_.push_back({.role = target.row->role,
                      .layer = target.layer,
                      .rank = rank,
                      .in = in,
                      .out = out,
                      .alpha = alpha,
                      .scale = float(config_.rslora ? alpha / std::sqrt(double(rank)) : alpha / double(rank)),
                      .a_at = at,
                      .b_at = at + rank * in,
                      .module = target.module});
  params_.resize(size_t(at + rank * (in + out)));
}

std::unique_ptr<LoraAdapter> LoraAdapter::create(const Model& model, const LoraConfig& config,
                                                 uint64_t seed) {
  if (config.rank < 1)
    throw Error(
        {.what = fmt::format("lora_rank is {}, expected at least 1", config.rank), .where = "lora_rank"});
  auto adapter = std::make_unique<LoraAdapter>();
  adapter->config_ = config;
  adapter->count_adaptable(model);
  std::vector<bool> used(config.targets.size());
  for (const Target& target : linears(model)) {
    bool wanted = false;
    for (size_t i = 0; i < config.targets.size(); ++i)
      if (config.targets[i] == "all" || names_module(config.targets[i], target.module))
        wanted = used[i] = true;
    if (wanted) adapter->append(model, target, config.rank, config.alpha);
  }
  for (size_t i = 0; i < used.size(); ++i)
    if (!used[i]) {
      std::string known = "all";
      for (const TensorRow& row : model.family().tensors)
        if (!row.lora.empty()) known += fmt::format(", {}", row.lora);
      throw Error({.what = fmt::format("'{}' is no linear layer of a {} model", config.targets[i],
                                       model.family().name),
                   .where = "lora_target",
                   .hint = "known: " + known});
    }
  if (adapter->entries_.empty())
    throw Error({.what = "no linear layer is named", .where = "lora_target", .hint = "all"});
  for (size_t i = 0; i < adapter->entries_.size(); ++i) {
    const LoraEntry& e = adapter->entries_[i];
    Rng rng(seed, Purpose::init, 0, uint32_t(i));
    const float bound = 1.0f / std::sqrt(float(e.in));  // Kaiming uniform with a = √5
    for (int64_t k = 0; k < e.rank * e.in; ++k)
      adapter->params_[size_t(e.a_at + k)] = bound * (2 * rng.next_float() - 1);
  }
  return adapter;
}

std::unique_ptr<LoraAdapter> LoraAdapter::zeros_for_sum(const Model& model,
                                                        std::span<const LoraAdapter* const> parts) {
  auto sum = std::make_unique<LoraAdapter>();
  sum->config_ = parts.back()->config_;
  sum->config_.dropout = 0;
  for (const Target& target : linears(model)) {
    int64_t rank = 0;
    float scale = 1;
    for (const LoraAdapter* part : parts)
      if (const LoraEntry* entry = part->find(target.row->role, target.layer)) {
        rank += entry->rank;
        if (entry->scale != 0) scale = entry->scale;
      }
    if (rank == 0) continue;
    sum->append(model, target, rank, 0);
    sum->entries_.back().scale = scale;
  }
  return sum;
}

const LoraEntry* LoraAdapter::find(Role role, int64_t layer) const {
  const auto it =
      std::ranges::find_if(entries_, [&](const LoraEntry& e) { return e.role == role && e.layer == layer; });
  return it == entries_.end() ? nullptr : &*it;
}

LowRank LoraAdapter::low_rank(const LoraEntry& entry) {
  const int64_t index = &entry - entries_.data();
  FETTLE_CHECK(index >= 0 && index < int64_t(entries_.size()), "an entry of another adapter");
  const auto view = [](std::vector<float>& v, int64_t at, int64_t rows, int64_t cols) {
    return v.empty() ? Buf{} : Buf{v.data() + at, rows, cols, cols, DType::f32};
  };
  const bool trainable = !grads_.empty();
  return {.A = view(params_, entry.a_at, entry.rank, entry.in),
          .B = view(params_, entry.b_at, entry.out, entry.rank),
          .scale = entry.scale,
          .dA = view(grads_, entry.a_at, entry.rank, entry.in),
          .dB = view(grads_, entry.b_at, entry.out, entry.rank),
          .dropout = trainable ? float(config_.dropout) : 0,
          .stream = uint32_t(index)};
}

}  // namespace fettle
