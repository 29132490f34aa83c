#include "model/merge.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "model/rope.h"
#include "quant/storage.h"

namespace fettle {

namespace {

constexpr int64_t kBlockBytes = 1 << 20;  // of output made at a time

struct Delta {
  const LoraAdapter* adapter;
  const LoraEntry* entry;
};

std::vector<Delta> deltas_of(const ModelTensor& tensor, std::span<const LoraAdapter* const> adapters) {
  std::vector<Delta> found;
  for (const LoraAdapter* adapter : adapters)
    if (const LoraEntry* entry = adapter->find(tensor.row->role, tensor.layer))
      if (tensor.row->rows != Dim::none) found.push_back({adapter, entry});
  return found;
}

bool plain(DType type) {
  return info(type).block == 1;
}

/// One tensor on its way: rows of the source, the deltas, the order and type of the output.
class MergedTensor {
 public:
  MergedTensor(const Model& model, const ModelTensor& tensor, std::vector<Delta> deltas,
               const MergedForm& form, ThreadPool& pool)
      : entry_(*tensor.entry), deltas_(std::move(deltas)), pool_(pool), target_(target_type(form, tensor)) {
    const bool reordered = tensor.row->order == RowOrder::gguf_interleaved;
    const auto head = reordered ? int32_t(model.hp().head_dim) : 0;
    // A vector whose elements are reordered is a matrix of one column.
    const bool column = entry_.shape.size() == 1 && reordered;
    rows_ = column ? entry_.shape[0] : entry_.elements() / std::max<int64_t>(1, entry_.shape.back());
    cols_ = column ? 1 : entry_.shape.back();
    source_ = {.data = entry_.data.data(),
               .type = entry_.type,
               .rows = rows_,
               .cols = cols_,
               .row_bytes = row_bytes(entry_.type, cols_),
               .interleaved_head_dim = model.is_gguf() ? head : 0};
    interleave_ = form.container == Container::gguf ? head : 0;
    const bool to_gguf = form.container == Container::gguf;
    if (to_gguf != model.is_gguf()) offset_ = to_gguf ? tensor.row->hf_offset : -tensor.row->hf_offset;
  }

  DType type() const { return target_; }

  void produce(const std::function<void(std::span<const std::byte>)>& sink) const {
    const int64_t row_size = row_bytes(target_, cols_);
    const int64_t block =
        std::clamp<int64_t>(kBlockBytes / std::max<int64_t>(1, row_size), 1, std::max<int64_t>(1, rows_));
    std::vector<std::byte> out(size_t(block * row_size));
    std::vector<Scratch> scratch(size_t(pool_.threads()), Scratch(cols_));
    for (int64_t begin = 0; begin < rows_; begin += block) {
      const int64_t count = std::min(block, rows_ - begin);
      std::atomic<int64_t> bad = -1;
      pool_.parallel_for(count, [&](int64_t i, int thread) {
        if (!write_row(begin + i, scratch[size_t(thread)], out.data() + i * row_size)) bad = begin + i;
      });
      if (bad >= 0) refuse(bad);
      sink(std::span(out).first(size_t(count * row_size)));
    }
  }

 private:
  struct Scratch {
    explicit Scratch(int64_t cols) : values(size_t(cols)), sum(size_t(cols)) {}
    std::vector<float> values;
    std::vector<double> sum;
  };

  DType target_type(const MergedForm& form, const ModelTensor& tensor) const {
    if (form.container == Container::safetensors) return form.type;
    if (tensor.row->rows == Dim::none) return DType::f32;
    if (plain(form.type)) return form.type;
    if (deltas_.empty() && !plain(entry_.type)) return entry_.type;
    return entry_.shape.back() % info(form.type).block == 0 ? form.type : DType::f16;
  }

  /// Row `at` of the output; false when a value is no number of its type.
  bool write_row(int64_t at, Scratch& s, std::byte* out) const {
    const int64_t row = interleave_ != 0 ? deinterleaved_row(at, interleave_) : at;
    const std::byte* from = source_.row(row);
    if (deltas_.empty() && offset_ == 0 &&
        target_ == entry_.type) {  // nothing to add, nothing to round: the bytes stay
      std::memcpy(out, from, size_t(source_.row_bytes));
      return true;
    }
    storage(entry_.type).decode_f32(from, cols_, s.values.data());
    if (!deltas_.empty()) add_deltas(row, s);
    for (float& value : s.values) value += offset_;
    const float most = target_ == DType::f16 || target_ == DType::q8_0 ? kMostF16 : kMostF32;
    const bool fits = std::ranges::all_of(s.values, [&](float x) { return std::abs(x) <= most; });
    storage(target_).encode(s.values.data(), cols_, out);
    return fits;
  }

  // In double, so that the only rounding is that of the sum.
  void add_deltas(int64_t row, Scratch& s) const {
    std::copy(s.values.begin(), s.values.end(), s.sum.begin());
    for (const auto& [adapter, e] : deltas_) {
      const float* params = adapter->params().data();
      for (int64_t k = 0; k < e->rank; ++k) {
        const double b = double(e->scale) * double(params[e->b_at + row * e->rank + k]);
        const float* a = params + e->a_at + k * e->in;
        for (int64_t j = 0; j < cols_; ++j) s.sum[size_t(j)] += b * double(a[j]);
      }
    }
    std::ranges::transform(s.sum, s.values.begin(), [](double x) { return float(x); });
  }

  [[noreturn]] void refuse(int64_t row) const {
    throw Error({.what = fmt::format("{}: row {} holds a value that is no number in {}", entry_.name, row,
                                     name(target_)),
                 .where = entry_.file,
                 .hint = target_ == DType::f16 ? "F16 ends at 65504: choose bfloat16 or float32"
                                               : "is the adapter the result of a run that diverged?"});
  }

  static constexpr float kMostF16 = 65504, kMostF32 = 3.3e38f;
  const TensorEntry& entry_;
  const std::vector<Delta> deltas_;
  ThreadPool& pool_;
  const DType target_;
  int64_t rows_ = 0, cols_ = 0;
  WeightView source_;
  int32_t interleave_ = 0;  // of the output
  float offset_ = 0;        // what the other container adds to every value
};

TensorToWrite to_write(std::string name, std::shared_ptr<const MergedTensor> tensor,
                       std::vector<int64_t> shape) {
  const DType type = tensor->type();
  return {.name = std::move(name),
          .type = type,
          .shape = std::move(shape),
          .produce = [tensor](const auto& sink) { tensor->produce(sink); }};
}

// What no row claims goes on as it is: buffers that old files carry, parts of a model that has more than
// text.
TensorToWrite copied(const TensorEntry& entry) {
  return {
      .name = entry.name, .type = entry.type, .shape = entry.shape, .produce = [&entry](const auto& sink) {
        sink(entry.data);
      }};
}

// Llama 3 stretches its waves by a formula in config.json, which GGUF has as a tensor of divisors.
std::optional<TensorToWrite> computed_divisors(const Model& model) {
  const TensorRow* row = tensor_row(model.family(), Role::rope_freqs);
  const RopeParams& rope = model.hp().rope;
  if (row == nullptr || model.is_gguf() || rope.kind != RopeKind::llama3) return std::nullopt;
  RopeParams unscaled = rope;
  unscaled.kind = RopeKind::plain;
  const auto scaled = rope_frequencies(rope, model.hp().head_dim),
             base = rope_frequencies(unscaled, model.hp().head_dim);
  std::vector<float> divisors(base.size());
  for (size_t i = 0; i < base.size(); ++i) divisors[i] = float(base[i] / scaled[i]);
  return TensorToWrite{.name = std::string(row->gguf),
                       .type = DType::f32,
                       .shape = {int64_t(divisors.size())},
                       .produce = [divisors](const auto& sink) { sink(std::as_bytes(std::span(divisors))); }};
}

std::string name_in(Container container, const Model& model, const ModelTensor& tensor) {
  if (container == Container::gguf) return tensor_name(tensor.row->gguf, tensor.layer);
  return model.is_gguf() ? tensor_name(tensor.row->hf, tensor.layer) : tensor.entry->name;
}

}  // namespace

std::vector<TensorToWrite> merged_tensors(const Model& model, std::span<const LoraAdapter* const> adapters,
                                          const MergedForm& form, ThreadPool& pool) {
  FETTLE_CHECK(plain(form.type) || form.container == Container::gguf, "{} in safetensors", name(form.type));
  std::vector<TensorToWrite> out;
  for (const ModelTensor& tensor : model.tensors()) {
    std::string name = name_in(form.container, model, tensor);
    if (name.empty()) continue;  // a tensor of GGUF that config.json says in words
    auto merged = std::make_shared<MergedTensor>(model, tensor, deltas_of(tensor, adapters), form, pool);
    out.push_back(to_write(std::move(name), std::move(merged), tensor.entry->shape));
  }
  if (form.container == Container::gguf) {
    if (auto divisors = computed_divisors(model)) out.push_back(std::move(*divisors));
  } else if (!model.is_gguf()) {
    for (const TensorEntry* entry : model.unclaimed()) out.push_back(copied(*entry));
  }
  return out;
}

int64_t merged_count(const Model& model, std::span<const LoraAdapter* const> adapters) {
  return std::ranges::count_if(
      model.tensors(), [&](const ModelTensor& tensor) { return !deltas_of(tensor, adapters).empty(); });
}

}  // namespace fettle
