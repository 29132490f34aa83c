// The resident model: one copy of the weights, as the file has them, found through the architecture table.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/listener.h"
#include "model/arch/family.h"

namespace fettle {

class TensorFile;
struct TensorEntry;

/// A tensor of the model's file, and the row that claims it for a layer (0 outside layers).
struct ModelTensor {
  const TensorRow* row;
  int64_t layer;
  const TensorEntry* entry;
};

class Model {
 public:
  /// A GGUF file, a safetensors file's folder, or a folder that holds exactly one GGUF. Maps, checks every
  /// tensor against its row (claimed, shape, type readable) and reads no weight in full. Error names file and
  /// tensor.
  static std::shared_ptr<const Model> load(const std::filesystem::path& path, Listener& listener);

  /// The same weights under other constants: what a check compares this model with.
  std::shared_ptr<const Model> with(HyperParams hp) const;

  const HyperParams& hp() const { return hp_; }
  const FamilyRow& family() const { return *family_; }
  const std::filesystem::path& path() const { return path_; }
  bool is_gguf() const { return gguf_ != nullptr; }
  const std::shared_ptr<const GgufFile>& gguf() const { return gguf_; }

  /// The matrix of a role in a layer (layer ignored for roles outside layers). A tied head gives the
  /// embedding.
  const WeightView& matrix(Role role, int64_t layer = 0) const;
  /// A vector (norm weight), converted to f32 [1, width].
  Buf vector(Role role, int64_t layer = 0) const;

  /// Every tensor that a row claims: embedding, then layer by layer, then the rest. The second copy of a tied
  /// head that some files carry is not among them.
  std::span<const ModelTensor> tensors() const { return tensors_; }
  /// Tensors of the file that no row claims and nobody needs for text.
  std::span<const TensorEntry* const> unclaimed() const { return unclaimed_; }

  int64_t parameters() const;    // of the base, tied tensors once
  int64_t weight_bytes() const;  // as they lie in the file
  int64_t owned_bytes() const;   // of weights that were copied out of it: the vectors
  /// The chat template the file carries (Jinja text), empty when none.
  const std::string& chat_template() const { return chat_template_; }
  /// The commonest type among the matrices: "Q4_1".
  DType main_type() const;
  bool quantised() const;  // its main type is neither F32, F16 nor BF16

  /// Module path of a target as PEFT names it: "model.layers.3.self_attn.q_proj".
  std::string module_path(const TensorRow& row, int64_t layer) const;
  /// Linears of the file that bear a target's name and are not adapted: the image tower's q_proj.
  int64_t namesakes(std::string_view lora) const;

 private:
  friend class ModelLoader;
  std::filesystem::path path_;
  std::shared_ptr<const TensorFile> file_;
  std::shared_ptr<const GgufFile> gguf_;
  const FamilyRow* family_ = nullptr;
  const ModuleRoot* module_root_ = nullptr;  // null: modules are where the table says
  HyperParams hp_;
  std::vector<ModelTensor> tensors_;
  std::vector<const TensorEntry*> unclaimed_;
  std::vector<WeightView> matrices_;                             // [role][layer]
  std::vector<std::vector<float>> vectors_;                      // [role][layer]
  std::map<std::string, int64_t, std::less<>> skipped_linears_;  // by the last part of their names
  std::string chat_template_;
};

}  // namespace fettle
