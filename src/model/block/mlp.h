// Gated MLP: out = in + down(act(gate(x)) ⊙ up(x)), x = norm(in). Families may norm what is added to `in`.
#pragma once

#include "model/block/block.h"

namespace fettle {

struct MlpBlock {
  struct Spec {
    int64_t hidden = 0, ffn = 0;
    float norm_eps = 1e-5f;
    Activation activation = Activation::silu;
  };
  struct Weights {
    Buf norm;                     // [1, hidden] f32
    std::array<Proj, 2> gate_up;  // [ffn, hidden] each
    std::array<Proj, 1> down;     // [hidden, ffn]
    Buf post_norm;                // [1, hidden] f32; empty: none
  };
  /// T tokens, F = ffn, r the projection's rank. Read by the backward.
  struct Saved {
    Slot gate, up;          // [T, F]
    std::array<Slot, 2> u;  // [T, r] of gate and up
    Slot y;                 // [T, hidden] what post_norm norms
    Slot u_down;            // [T, r]; kept at every level, so that recompute() need not run `down`
  };
  struct Scratch {
    Slot x;        // [T, hidden] normed input, then normed output
    Slot h;        // [T, F] act(gate) ⊙ up; then the gradient of gate
    Slot dy;       // [T, hidden] gradient of down's output
    Slot dh, dup;  // [T, F]
    Slot dx;       // [T, hidden]
    std::array<Slot, 2> du;
    Slot du_down;
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
