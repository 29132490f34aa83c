#include "model/model.h"

#include <algorithm>

#include "base/error.h"
#include "format/gguf.h"

namespace fettle {

std::shared_ptr<const Model> Model::with(HyperParams hp) const {
  auto other = std::make_shared<Model>(*this);
  other->hp_ = std::move(hp);
  return other;
}

const WeightView& Model::matrix(Role role, int64_t layer) const {
  if (role == Role::head && hp_.tied_head) role = Role::token_embd;
  return matrices_[size_t(role) * size_t(hp_.layers) + size_t(layer)];
}

Buf Model::vector(Role role, int64_t layer) const {
  const std::vector<float>& v = vectors_[size_t(role) * size_t(hp_.layers) + size_t(layer)];
  const int64_t n = int64_t(v.size());
  // Buf is a plain view that kernels share for inputs and outputs; nobody writes to a frozen vector.
  return {n > 0 ? const_cast<float*>(v.data()) : nullptr, n > 0 ? 1 : 0, n, n, DType::f32};
}

int64_t Model::parameters() const {
  int64_t n = 0;
  for (const WeightView& w : matrices_) n += w.rows * w.cols;
  for (const auto& v : vectors_) n += int64_t(v.size());
  return n;
}

int64_t Model::weight_bytes() const {
  return total_bytes(*file_);
}

int64_t Model::owned_bytes() const {
  int64_t n = int64_t(hp_.rope.freq_divisors.size());
  for (const auto& v : vectors_) n += int64_t(v.size());
  return n * int64_t(sizeof(float));
}

DType Model::main_type() const {
  std::map<DType, int64_t> count;
  for (const WeightView& w : matrices_)
    if (w) ++count[w.type];
  FETTLE_CHECK(!count.empty());
  const auto most = [](const auto& a, const auto& b) { return a.second < b.second; };
  return std::max_element(count.begin(), count.end(), most)->first;
}

bool Model::quantised() const {
  const DType type = main_type();
  return type != DType::f32 && type != DType::f16 && type != DType::bf16;
}

std::string Model::module_path(const TensorRow& row, int64_t layer) const {
  constexpr std::string_view kSuffix = ".weight";
  std::string name = tensor_name(row.hf, layer);
  FETTLE_CHECK(name.ends_with(kSuffix), "{}", name);
  name.resize(name.size() - kSuffix.size());
  if (module_root_ != nullptr && name.starts_with(module_root_->in_table))
    name.replace(0, module_root_->in_table.size(), module_root_->in_modules);
  return name;
}

int64_t Model::namesakes(std::string_view lora) const {
  const auto it = skipped_linears_.find(lora);
  return it == skipped_linears_.end() ? 0 : it->second;
}

}  // namespace fettle
