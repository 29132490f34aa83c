#include "model/lora_stack.h"

#include <algorithm>

#include "base/error.h"
#include "base/file.h"

namespace fettle {

namespace {
// The last part that adapts a linear gives its scale to the sum, the others' B takes up the difference:
// scales are mostly powers of two, and the trained part, which stands last, keeps its bits.
float factor_of(const LoraEntry& part, const LoraEntry& sum) {
  return part.scale / sum.scale;
}

// B of a part [out, rank] ↔ columns [first, first + rank) of the sum's B [out, sum rank].
void copy_columns(std::span<const float> from, int64_t from_ld, std::span<float> to, int64_t to_ld,
                  int64_t rows, int64_t cols, float factor) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < cols; ++c) to[size_t(r * to_ld + c)] = factor * from[size_t(r * from_ld + c)];
}

void copy_into(const LoraAdapter& part, const LoraEntry& entry, int64_t first, float factor, LoraAdapter& sum,
               const LoraEntry& into) {
  std::ranges::copy(part.params().subspan(size_t(entry.a_at), size_t(entry.rank * entry.in)),
                    sum.params().subspan(size_t(into.a_at + first * into.in)).begin());
  copy_columns(part.params().subspan(size_t(entry.b_at)), entry.rank,
               sum.params().subspan(size_t(into.b_at + first)), into.rank, entry.out, entry.rank, factor);
}
}  // namespace

std::unique_ptr<LoraAdapter> sum_of_adapters(const Model& model, std::span<const LoraAdapter* const> parts) {
  FETTLE_CHECK(!parts.empty());
  auto sum = LoraAdapter::zeros_for_sum(model, parts);
  for (const LoraEntry& into : sum->entries()) {
    int64_t first = 0;
    for (const LoraAdapter* part : parts) {
      const LoraEntry* entry = part->find(into.role, into.layer);
      if (!entry) continue;
      copy_into(*part, *entry, first, factor_of(*entry, into), *sum, into);
      first += entry->rank;
    }
  }
  return sum;
}

std::unique_ptr<LoraAdapter> load_adapters(const std::vector<std::string>& folders, const Model& model) {
  std::vector<std::unique_ptr<LoraAdapter>> loaded;
  std::vector<const LoraAdapter*> parts;
  for (const std::string& folder : folders)
    parts.push_back(loaded.emplace_back(LoraAdapter::load(folder, model)).get());
  if (parts.size() > 1) return sum_of_adapters(model, parts);
  return loaded.empty() ? nullptr : std::move(loaded.front());
}

AdapterStack::AdapterStack(const Model& model, std::unique_ptr<LoraAdapter> frozen, LoraAdapter& trained)
    : trained_(trained), fingerprint_(sha256_hex(std::as_bytes(frozen->params()))) {
  if (trained.config().dropout > 0)
    throw Error(
        {.what = fmt::format("lora_dropout: {} over other adapters is not there yet: their part would "
                             "be dropped too",
                             trained.config().dropout),
         .where = "adapter_name_or_path",
         .hint = "set lora_dropout: 0 (in adapter_config.json, where the last adapter is continued)"});
  const LoraAdapter* const parts[] = {frozen.get(), &trained};
  sum_ = sum_of_adapters(model, parts);
  sum_->make_trainable();
  for (const LoraEntry& entry : trained.entries()) {
    const LoraEntry* into = sum_->find(entry.role, entry.layer);
    places_.push_back({&entry, into, into->rank - entry.rank, factor_of(entry, *into)});
  }
}

void AdapterStack::publish() {
  for (const Place& p : places_) copy_into(trained_, *p.trained, p.first, p.factor, *sum_, *p.sum);
}

void AdapterStack::collect() {
  const std::span<float> from = sum_->grads(), to = trained_.grads();
  for (const Place& p : places_) {
    const LoraEntry &trained = *p.trained, &sum = *p.sum;
    for (int64_t i = 0; i < trained.rank * trained.in; ++i)
      to[size_t(trained.a_at + i)] += from[size_t(sum.a_at + p.first * sum.in + i)];
    for (int64_t r = 0; r < trained.out; ++r)
      for (int64_t c = 0; c < trained.rank; ++c)
        to[size_t(trained.b_at + r * trained.rank + c)] +=
            p.factor * from[size_t(sum.b_at + r * sum.rank + p.first + c)];
  }
  std::ranges::fill(from, 0.f);
}

}  // namespace fettle
