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

/// The whole model in double by the reference: logits of one sequence.
inline ref::Matrix<double> reference_logits(const Model& model, const LoraAdapter* adapter,
                                            std::span<const int32_t> ids) {
  const HyperParams& hp = model.hp();
  std::vector<int32_t> positions(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) positions[i] = int32_t(i);
  const int32_t cu[] = {0, int32_t(ids.size())};
  const auto frequencies = rope_frequencies(hp.rope, hp.head_dim);
  ref::Matrix<double> cos(int64_t(ids.size()), hp.head_dim / 2), sin = cos;
  for (int64_t p = 0; p < cos.rows; ++p)
    for (int64_t j = 0; j < cos.cols; ++j) {
      cos(p, j) = std::cos(double(p) * frequencies[size_t(j)]);
      sin(p, j) = std::sin(double(p) * frequencies[size_t(j)]);
    }
  const auto vector = [&](Role role, int64_t layer) {
    const Buf v = model.vector(role, layer);
    ref::Matrix<double> m(1, v.cols);
    std::copy_n(v.row<float>(0), v.cols, m.data.begin());
    return m;
  };
  const auto linear = [&](Role role, int64_t layer) {
    ref::Linear<double> l{.w = decoded(model.matrix(role, layer))};
    if (const LoraEntry* e = adapter ? adapter->find(role, layer) : nullptr) {
      l.delta = {.A = {e->rank, e->in}, .B = {e->out, e->rank}, .scale = double(e->scale)};
      std::copy_n(adapter->params().begin() + e->a_at, e->rank * e->in, l.delta.A.data.begin());
      std::copy_n(adapter->params().begin() + e->b_at, e->out * e->rank, l.delta.B.data.begin());
    }
    return l;
  };
  auto x = ref::embed<double>(ids, decoded(model.matrix(Role::token_embd)), 1.0);
  for (int64_t i = 0; i < hp.layers; ++i) {
    const ref::Attention<double> attention{
        .spec = {.heads = hp.heads,
                 .kv_heads = hp.kv_heads,
                 .head_dim = hp.head_dim,
                 .scale = float(1 / std::sqrt(double(hp.head_dim))),
                 .window = hp.sliding_window},
        .norm_eps = double(hp.norm_eps),
        .cos = cos,
        .sin = sin,
        .norm = vector(Role::attn_norm, i),
        .qkv = {linear(Role::attn_q, i), linear(Role::attn_k, i), linear(Role::attn_v, i)},
        .o = linear(Role::attn_o, i)};
    x = attention(x, cu, positions);
    const ref::Mlp<double> mlp{.kind = hp.activation,
                               .norm_eps = double(hp.norm_eps),
                               .norm = vector(Role::mlp_norm, i),
                               .gate = linear(Role::mlp_gate, i),
                               .up = linear(Role::mlp_up, i),
                               .down = linear(Role::mlp_down, i)};
    x = mlp(x);
  }
  return ref::Head<double>{.norm_eps = double(hp.norm_eps),
                           .norm = vector(Role::out_norm, 0),
                           .w = decoded(model.matrix(Role::head))}
      .logits(x);
}

}  // namespace fettle::testing
