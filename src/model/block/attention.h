// Causal self-attention: out = in + o_proj(attention(rope(q), rope(k), v)), q, k, v of x = norm(in). Families
// may norm each head's q and k before rotation, and what is added to `in`.
#pragma once

#include "model/block/block.h"

namespace fettle {

struct AttentionBlock {
  struct Spec {
    int64_t hidden = 0;
    AttentionSpec attention;
    float norm_eps = 1e-5f;
    const RopeTable* rope = nullptr;  // covers the batch's positions

    int64_t q_dim() const { return attention.heads * attention.head_dim; }
    int64_t kv_dim() const { return attention.kv_heads * attention.head_dim; }
  };
  struct Weights {
    Buf norm;                    // [1, hidden] f32
    std::array<Proj, 3> qkv;     // [q_dim | kv_dim | kv_dim, hidden]
    std::array<Buf, 2> qk_norm;  // [1, head_dim] f32 of queries and keys; empty: none
    std::array<Proj, 1> o;       // [hidden, q_dim]
    Buf post_norm;               // [1, hidden] f32; empty: none
  };
  /// T tokens, r the projection's rank. Read by the backward.
  struct Saved {
    std::array<Slot, 3>
        qkv;                // [T, q_dim | kv_dim | kv_dim]; q and k rotated, or with head norms as projected
    Slot o;                 // [T, q_dim]
    Slot lse;               // [T, heads] f32
    std::array<Slot, 3> u;  // [T, r] of q, k, v
    Slot y;                 // [T, hidden] what post_norm norms
    Slot u_o;               // [T, r]; kept at every level, so that recompute() need not run `o_proj`
  };
  struct Scratch {
    Slot x;                       // [T, hidden] normed input, then normed output
    std::array<Slot, 2> rotated;  // as q, k, with head norms
    Slot dy;                      // [T, hidden] gradient of the output projection's output
    Slot d_o;                     // [T, q_dim]
    std::array<Slot, 3> dqkv;     // as q, k, v
    Slot dx;                      // [T, hidden]
    std::array<Slot, 3> du;
    Slot du_o;
  };
  struct Booked {
    Saved saved;
    Scratch scratch;
    bool kept = false;  // all of `saved` outlives the forward
  };

  static Booked plan(const Spec&, const Weights&, const BlockShape&, Booking&, const std::string& name);
  static void forward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf out);
  static void recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in);
  static void backward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf d,
                       bool need_dx);
};

}  // namespace fettle
