// The architecture table. A family is one row file (llama.cpp, …) and one line in families(): loader, saver,
// parameter count, LoRA targets, conversion, `inspect` and the docs derive from it. Nothing else may ask for
// a family's name.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <span>
#include <string_view>

#include "model/hyper_params.h"

namespace fettle {

class GgufFile;
class GgufMetadata;

enum class Role : uint8_t {
  token_embd,
  attn_norm,
  attn_q,
  attn_k,
  attn_v,
  attn_q_bias,
  attn_k_bias,
  attn_v_bias,
  attn_q_norm,  // of each head's queries, before rotation
  attn_k_norm,
  attn_o,
  attn_post_norm,  // of what attention adds to the residual stream
  mlp_norm,
  mlp_gate,
  mlp_up,
  mlp_down,
  mlp_post_norm,
  out_norm,
  head,
  rope_freqs,
};

inline constexpr size_t kRoleCount = size_t(Role::rope_freqs) + 1;

/// Shapes in terms of hyper-parameters.
enum class Dim : uint8_t { none, vocab, hidden, q, kv, head, ffn, half_rope };

enum class RowOrder : uint8_t {
  as_is,
  gguf_interleaved,  // GGUF stores the rows of each head with its rotary halves interleaved
};

struct TensorRow {
  Role role;
  std::string_view hf;    // "model.layers.{i}.self_attn.q_proj.weight"; "" = this container does not have it
  std::string_view gguf;  // "blk.{i}.attn_q.weight"
  Dim rows, cols;         // rows == none: a vector of `cols`
  RowOrder order = RowOrder::as_is;
  bool optional = false;  // may be missing (head of a tied model, rope_freqs)
  std::string_view lora;  // name as a LoRA target ("q_proj"), "" = not a target of `all`
  float hf_offset = 0;    // what the values of a Hugging Face file lack: Gemma's norms are stored as w − 1
                          // there, as w in GGUF
};

/// Tensors that a file may carry and that are not used.
struct IgnoredTensors {
  std::string_view pattern;  // "*.rotary_emb.inv_freq"
  std::string_view why;      // "computed here"
};

/// Where transformers' class of a checkpoint has the modules elsewhere than the table says: PEFT names them
/// so.
struct ModuleRoot {
  std::string_view architecture;          // "Gemma3ForConditionalGeneration"
  std::string_view in_table, in_modules;  // "model.", "model.language_model."
};

struct FamilyRow {
  std::string_view name;                               // "llama"
  std::span<const std::string_view> hf_architectures;  // "LlamaForCausalLM", …
  std::string_view hf_model_type;                      // config.json's model_type of the first of them
  std::string_view gguf_arch;                          // general.architecture
  std::span<const TensorRow> tensors;
  std::span<const IgnoredTensors> ignored;
  std::span<const ModuleRoot> module_roots = {};
  HyperParams (*from_hf)(const nlohmann::json& config, const std::string& where);
  HyperParams (*from_gguf)(const GgufFile& file);
  /// Beyond what write_config.h says of every family; null where that is all.
  void (*to_hf)(const HyperParams& hp, nlohmann::json& config) = nullptr;
  void (*to_gguf)(const HyperParams& hp, GgufMetadata& metadata) = nullptr;
  std::string_view oracle;  // the program its goldens come from
};

std::span<const FamilyRow* const> families();
/// Error naming what was found and the families that are known.
const FamilyRow& family_by_hf(std::string_view architecture, const std::string& where);
const FamilyRow& family_by_gguf(std::string_view arch, const std::string& where);

/// The row of a role; null when the family has no such tensor.
const TensorRow* tensor_row(const FamilyRow& family, Role role);
/// "blk.{i}.attn_q.weight" with the layer in the place of {i}.
std::string tensor_name(std::string_view pattern, int64_t layer);
/// True for a tensor there is one of in every layer.
bool per_layer(const TensorRow& row);
int64_t extent(Dim dim, const HyperParams& hp);

}  // namespace fettle
