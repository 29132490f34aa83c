// Token embedding: the residual stream's first value.
#pragma once

#include "model/block/block.h"
#include "model/hyper_params.h"

namespace fettle {

/// The embedding's scale as a number of the compute type, as transformers has it: √640 is 25.25 in bf16.
float embed_scale(const HyperParams& hp, DType compute);

struct EmbedBlock {
  struct Spec {
    float scale = 1;
  };
  struct Weights {
    WeightView table;  // [vocab, hidden]
  };
  struct Saved {};
  struct Booked {
    Saved saved;
  };

  static Booked plan(const Spec&, const Weights&, const BlockShape&, Booking&, const std::string& name);
  static void forward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf out);
  static void recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in);
  static void backward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf in, Buf d,
                       bool need_dx);
};

}  // namespace fettle
