#include "model/arch/family.h"

#include "base/error.h"
#include "model/arch/rows.h"

namespace fettle {

namespace {

constexpr const FamilyRow* kFamilies[] = {
    &kLlamaFamily,
    &kQwen2Family,
    &kQwen3Family,
    &kGemma3Family,
};

constexpr std::string_view kLayerMark = "{i}";

template <class Names>
[[noreturn]] void unknown(std::string_view what, std::string_view found, const std::string& where,
                          Names names) {
  std::string known;
  for (const FamilyRow* row : kFamilies) known += names(*row);
  known.resize(known.size() - 2);  // the last ", "
  throw Error({.what = fmt::format("{} '{}' is not a model family Fettle knows", what, found),
               .where = where,
               .hint = "known: " + known});
}

}  // namespace

std::span<const FamilyRow* const> families() {
  return kFamilies;
}

const FamilyRow& family_by_hf(std::string_view architecture, const std::string& where) {
  for (const FamilyRow* row : kFamilies)
    for (std::string_view name : row->hf_architectures)
      if (name == architecture) return *row;
  unknown("architecture", architecture, where, [](const FamilyRow& row) {
    std::string names;
    for (std::string_view name : row.hf_architectures) names += fmt::format("{}, ", name);
    return names;
  });
}

const FamilyRow& family_by_gguf(std::string_view arch, const std::string& where) {
  for (const FamilyRow* row : kFamilies)
    if (row->gguf_arch == arch) return *row;
  unknown("general.architecture", arch, where,
          [](const FamilyRow& row) { return fmt::format("{}, ", row.gguf_arch); });
}

const TensorRow* tensor_row(const FamilyRow& family, Role role) {
  for (const TensorRow& row : family.tensors)
    if (row.role == role) return &row;
  return nullptr;
}

std::string tensor_name(std::string_view pattern, int64_t layer) {
  std::string name(pattern);
  if (const size_t at = name.find(kLayerMark); at != std::string::npos)
    name.replace(at, kLayerMark.size(), std::to_string(layer));
  return name;
}

bool per_layer(const TensorRow& row) {
  return row.hf.find(kLayerMark) != std::string_view::npos ||
         row.gguf.find(kLayerMark) != std::string_view::npos;
}

int64_t extent(Dim dim, const HyperParams& hp) {
  switch (dim) {
    case Dim::none:
      return 1;
    case Dim::vocab:
      return hp.vocab_size;
    case Dim::hidden:
      return hp.hidden;
    case Dim::q:
      return hp.q_dim();
    case Dim::kv:
      return hp.kv_dim();
    case Dim::head:
      return hp.head_dim;
    case Dim::ffn:
      return hp.ffn;
    case Dim::half_rope:
      return hp.head_dim / 2;
  }
  FETTLE_CHECK(false, "dim {}", int(dim));
}

}  // namespace fettle
