#include "model/block/embed.h"

#include "base/half.h"

namespace fettle {

static_assert(Block<EmbedBlock>);

float embed_scale(const HyperParams& hp, DType compute) {
  return compute == DType::bf16 ? to_float(to_bf16(hp.embed_scale)) : hp.embed_scale;
}

EmbedBlock::Booked EmbedBlock::plan(const Spec&, const Weights&, const BlockShape&, Booking&,
                                    const std::string&) {
  return {};
}

void EmbedBlock::forward(const BlockContext& ctx, const Spec& spec, const Weights& w, const Booked&, Buf,
                         Buf out) {
  ctx.ops.embed(ctx.batch.ids, w.table, spec.scale, out);
}

// Nothing is read back: the table is frozen, and token ids have no gradient.
void EmbedBlock::recompute(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf) {}
void EmbedBlock::backward(const BlockContext&, const Spec&, const Weights&, const Booked&, Buf, Buf, bool) {}

}  // namespace fettle
