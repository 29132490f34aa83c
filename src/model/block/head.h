// Final norm, head and log-probabilities. Its rows are the selected ones: those that are supervised, or whose
// logits are wanted.
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
  /// N rows. Always kept: the backward comes next.
  struct Saved {
    Slot h;  // [N, hidden] normed
  };
  struct Scratch {
    Slot dh;  // [N, hidden]
  };
  struct Booked {
    Saved saved;
    Scratch scratch;
  };

  static Booked plan(const Spec&, const Weights&, const BlockShape&, Booking&, const std::string& name);
  /// `out` is not written: the head ends the residual stream.
  static void forward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf out);
  static void recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in);
  /// `d` is overwritten.
  static void backward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf d,
                       bool need_dx);
  /// Logits of all rows into out [N, vocab] f32.
  static void logits(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf out);
};

}  // namespace fettle
