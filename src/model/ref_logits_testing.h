// For tests: a whole model in double by the references of kernel/ref and ref/blocks.h.
#pragma once

#include "model/lora.h"
#include "model/ref/blocks.h"
#include "model/rope.h"
#include "quant/storage.h"

namespace fettle::testing {

inline ref::Matrix<double> decoded(const WeightView& w) {
  ref::Matrix<double> m(w.rows, w.cols);
  std::vector<float> row(size_t(w.cols));
  for (int64_t r = 0; r < w.rows; ++r) {
    storage(w.type).decode_f32(w.row(r), w.cols, row.data());
    std::ranges::copy(row, m.data.begin() + r * w.cols);
  }
  return m;
}

/// A model's parts as the reference takes them.
class ReferenceParts {
 public:
  ReferenceParts(const Model& model, const LoraAdapter* adapter) : model_(model), adapter_(adapter) {}

  /// Empty where the family has none.
  ref::Matrix<double> vector(Role role, int64_t layer) const {
    const Buf v = model_.vector(role, layer);
    ref::Matrix<double> m(v.rows, v.cols);
    if (v) std::copy_n(v.row<float>(0), v.cols, m.data.begin());
    return m;
  }
  ref::Linear<double> linear(Role role, int64_t layer) const {
    ref::Linear<double> l{.w = decoded(model_.matrix(role, layer))};
    if (const LoraEntry* e = adapter_ ? adapter_->find(role, layer) : nullptr) {
      l.delta = {.A = {e->rank, e->in}, .B = {e->out, e->rank}, .scale = double(e->scale)};
      std::copy_n(adapter_->params().begin() + e->a_at, e->rank * e->in, l.delta.A.data.begin());
      std::copy_n(adapter_->params().begin() + e->b_at, e->out * e->rank, l.delta.B.data.begin());
    }
    return l;
  }
  ref::Linear<double> linear(Role role, Role bias, int64_t layer) const {
    ref::Linear<double> l = linear(role, layer);
    l.bias = vector(bias, layer).data;
    return l;
  }
  ref::Attention<double> attention(int64_t layer, int64_t positions) const {
    const HyperParams& hp = model_.hp();
    ref::Attention<double> block{
        .spec = {.heads = hp.heads,
                 .kv_heads = hp.kv_heads,
                 .head_dim = hp.head_dim,
                 .scale = hp.score_scale(),
                 .window = hp.window(layer)},
        .norm_eps = double(hp.norm_eps),
        .cos = {positions, hp.head_dim / 2},
        .sin = {positions, hp.head_dim / 2},
        .norm = vector(Role::attn_norm, layer),
        .qkv = {linear(Role::attn_q, Role::attn_q_bias, layer),
                linear(Role::attn_k, Role::attn_k_bias, layer),
                linear(Role::attn_v, Role::attn_v_bias, layer)},
        .o = linear(Role::attn_o, layer),
        .qk_norm = {vector(Role::attn_q_norm, layer), vector(Role::attn_k_norm, layer)},
        .post_norm = vector(Role::attn_post_norm, layer)};
    const auto frequencies =
        rope_frequencies(hp.is_local(layer) && hp.local_rope ? *hp.local_rope : hp.rope, hp.head_dim);
    for (int64_t p = 0; p < positions; ++p)
      for (int64_t j = 0; j < hp.head_dim / 2; ++j) {
        block.cos(p, j) = std::cos(double(p) * frequencies[size_t(j)]);
        block.sin(p, j) = std::sin(double(p) * frequencies[size_t(j)]);
      }
    return block;
  }
  ref::Mlp<double> mlp(int64_t layer) const {
    return {.kind = model_.hp().activation,
            .norm_eps = double(model_.hp().norm_eps),
            .norm = vector(Role::mlp_norm, layer),
            .gate = linear(Role::mlp_gate, layer),
            .up = linear(Role::mlp_up, layer),
            .down = linear(Role::mlp_down, layer),
            .post_norm = vector(Role::mlp_post_norm, layer)};
  }

 private:
  const Model& model_;
  const LoraAdapter* adapter_;
};

/// The whole model in double by the reference: logits of one sequence.
inline ref::Matrix<double> reference_logits(const Model& model, const LoraAdapter* adapter,
                                            std::span<const int32_t> ids) {
  const HyperParams& hp = model.hp();
  const ReferenceParts parts(model, adapter);
  std::vector<int32_t> positions(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) positions[i] = int32_t(i);
  const int32_t cu[] = {0, int32_t(ids.size())};
  auto x = ref::embed<double>(ids, decoded(model.matrix(Role::token_embd)), double(hp.embed_scale));
  for (int64_t i = 0; i < hp.layers; ++i) {
    x = parts.attention(i, int64_t(ids.size()))(x, cu, positions);
    x = parts.mlp(i)(x);
  }
  return ref::Head<double>{.norm_eps = double(hp.norm_eps),
                           .norm = parts.vector(Role::out_norm, 0),
                           .w = decoded(model.matrix(Role::head))}
      .logits(x);
}

}  // namespace fettle::testing
