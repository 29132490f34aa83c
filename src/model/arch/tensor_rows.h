// The tensor rows that families share, under their names in transformers and llama.cpp. A family lists those
// it has and says what differs.
#pragma once

#include "model/arch/family.h"

namespace fettle::tensor_rows {

/// A vector of `cols` values; layers where its names have them.
constexpr TensorRow vector(Role role, std::string_view hf, std::string_view gguf, Dim cols) {
  return {.role = role, .hf = hf, .gguf = gguf, .rows = Dim::none, .cols = cols};
}

/// A linear that adapters can stand on.
constexpr TensorRow linear(Role role, std::string_view hf, std::string_view gguf, Dim rows, Dim cols,
                           std::string_view lora) {
  return {.role = role, .hf = hf, .gguf = gguf, .rows = rows, .cols = cols, .lora = lora};
}

constexpr TensorRow interleaved_in_gguf(TensorRow row) {
  row.order = RowOrder::gguf_interleaved;
  return row;
}

/// A norm weight that Hugging Face files store as w − 1.
constexpr TensorRow one_less_in_hf(TensorRow row) {
  row.hf_offset = 1;
  return row;
}

inline constexpr TensorRow kTokenEmbd = {.role = Role::token_embd,
                                         .hf = "model.embed_tokens.weight",
                                         .gguf = "token_embd.weight",
                                         .rows = Dim::vocab,
                                         .cols = Dim::hidden};
inline constexpr TensorRow kHead = {.role = Role::head,
                                    .hf = "lm_head.weight",
                                    .gguf = "output.weight",
                                    .rows = Dim::vocab,
                                    .cols = Dim::hidden,
                                    .optional = true};
inline constexpr TensorRow kOutNorm =
    vector(Role::out_norm, "model.norm.weight", "output_norm.weight", Dim::hidden);

inline constexpr TensorRow kAttnNorm = vector(Role::attn_norm, "model.layers.{i}.input_layernorm.weight",
                                              "blk.{i}.attn_norm.weight", Dim::hidden);
inline constexpr TensorRow kAttnQ = linear(Role::attn_q, "model.layers.{i}.self_attn.q_proj.weight",
                                           "blk.{i}.attn_q.weight", Dim::q, Dim::hidden, "q_proj");
inline constexpr TensorRow kAttnK = linear(Role::attn_k, "model.layers.{i}.self_attn.k_proj.weight",
                                           "blk.{i}.attn_k.weight", Dim::kv, Dim::hidden, "k_proj");
inline constexpr TensorRow kAttnV = linear(Role::attn_v, "model.layers.{i}.self_attn.v_proj.weight",
                                           "blk.{i}.attn_v.weight", Dim::kv, Dim::hidden, "v_proj");
inline constexpr TensorRow kAttnQNorm = vector(Role::attn_q_norm, "model.layers.{i}.self_attn.q_norm.weight",
                                               "blk.{i}.attn_q_norm.weight", Dim::head);
inline constexpr TensorRow kAttnKNorm = vector(Role::attn_k_norm, "model.layers.{i}.self_attn.k_norm.weight",
                                               "blk.{i}.attn_k_norm.weight", Dim::head);
inline constexpr TensorRow kAttnO = linear(Role::attn_o, "model.layers.{i}.self_attn.o_proj.weight",
                                           "blk.{i}.attn_output.weight", Dim::hidden, Dim::q, "o_proj");

inline constexpr TensorRow kMlpNorm =
    vector(Role::mlp_norm, "model.layers.{i}.post_attention_layernorm.weight", "blk.{i}.ffn_norm.weight",
           Dim::hidden);
inline constexpr TensorRow kMlpGate = linear(Role::mlp_gate, "model.layers.{i}.mlp.gate_proj.weight",
                                             "blk.{i}.ffn_gate.weight", Dim::ffn, Dim::hidden, "gate_proj");
inline constexpr TensorRow kMlpUp = linear(Role::mlp_up, "model.layers.{i}.mlp.up_proj.weight",
                                           "blk.{i}.ffn_up.weight", Dim::ffn, Dim::hidden, "up_proj");
inline constexpr TensorRow kMlpDown = linear(Role::mlp_down, "model.layers.{i}.mlp.down_proj.weight",
                                             "blk.{i}.ffn_down.weight", Dim::hidden, Dim::ffn, "down_proj");

/// What is computed from the configuration, though some files carry it.
inline constexpr IgnoredTensors kRotaryBuffers = {"*.rotary_emb.inv_freq", "rotary frequencies, computed"};

}  // namespace fettle::tensor_rows
