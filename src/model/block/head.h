// Final norm, head and log-probabilities, at supervised rows only.
#pragma once

#include "model/block/block.h"

namespace fettle {

struct HeadBlock {
  struct Spec {
    int64_t hidden = 0;
    float norm_eps = 1e-5f;
  };
  struct Weights {
    Buf norm;   // [1, hidden] f32
    Proj head;  // [vocab, hidden]
  };
  /// N supervised rows. Always kept: they are few, and the backward comes next.
  struct Saved {
    Slot x;  // [N, hidden] gathered residual
    Slot h;  // [N, hidden] normed
  };
  struct Scratch {
    Slot dh;  // [N, hidden]
    Slot dx;  // [N, hidden] f32
  };
  struct Booked {
    Saved saved;
    Scratch scratch;
  };

  static Booked plan(const Spec&, const Weights&, const BlockShape&, Booking&, const std::string& name);
  /// `out` is not written: the head ends the residual stream.
  static void forward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf out);
  static void recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in);
  /// `d` must be zero on entry; its supervised rows receive their gradient.
  static void backward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf d,
                       bool need_dx);
  /// Logits of `rows` of the residual stream `in` into out [rows, vocab] f32.
  static void logits(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in,
                     std::span<const int32_t> rows, Buf out);
};

}  // namespace fettle
