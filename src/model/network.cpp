#include "model/network.h"

#include <algorithm>
#include <map>
#include <variant>

#include "base/error.h"
#include "model/block/attention.h"
#include "model/block/embed.h"
#include "model/block/head.h"
#include "model/block/mlp.h"
#include "model/rope.h"
#include "model/selected_rows.h"

namespace fettle {

namespace {

/// A block in its place in the network.
template <Block B>
struct Node {
  using Kind = B;
  const char* name;
  int64_t layer = -1;  // of the K/V cache; -1: none
  typename B::Spec spec;
  typename B::Weights weights;
  typename B::Booked booked = {};
  bool trained = false;  // holds a trainable parameter
  bool backward = false;
  Slot in = {}, out = {};  // residual stream
};

bool finite(const Buf& buf) {
  constexpr uint16_t kBf16Exponent = 0x7f80;
  for (int64_t r = 0; r < buf.rows; ++r)
    for (int64_t c = 0; c < buf.cols; ++c)
      if (buf.type == DType::bf16 ? (buf.row<uint16_t>(r)[c] & kBf16Exponent) == kBf16Exponent
                                  : !std::isfinite(buf.row<float>(r)[c]))
        return false;
  return true;
}

using AnyNode = std::variant<Node<EmbedBlock>, Node<AttentionBlock>, Node<MlpBlock>>;

}  // namespace

struct Network::Rep {
  Rep(std::shared_ptr<const Model> m, std::vector<LoraAdapter*> a, Ops& o, const NetworkOptions& opt)
      : model(std::move(m)), adapters(std::move(a)), ops(o), options(opt) {
    FETTLE_CHECK(options.compute == DType::f32 || options.compute == DType::bf16);
    lengths.reserve(size_t(options.max_sequences));
    first_rows.reserve(size_t(options.max_sequences));
    selection.reserve(options.max_targets, options.max_sequences);
    weight.resize(options.training ? size_t(options.max_targets) : 0);
    const HyperParams& hp = model->hp();
    ropes.emplace_back(hp.rope, hp.head_dim);
    if (hp.local_rope) ropes.emplace_back(*hp.local_rope, hp.head_dim);
    if (options.training) cover(options.max_tokens);
    build();
    plan();
    arena = Arena(booking.peak_bytes());
  }

  // ── building ──
  void cover(int64_t positions) {
    for (RopeCache& rope : ropes) rope.cover(positions);
  }
  Proj proj(Role role, int64_t layer);
  Proj proj(Role role, Role bias, int64_t layer);
  Node<EmbedBlock> embed_node() const;
  Node<AttentionBlock> attention_node(int64_t layer);
  Node<MlpBlock> mlp_node(int64_t layer);
  void build();
  void plan();
  template <class B>
  void plan(Node<B>& node, Slot& residual, int64_t tokens, bool below);

  // ── running ──
  BlockContext context(const BatchView& batch) const {
    return {.ops = ops, .batch = batch, .arena = arena, .lengths = lengths, .block_rows = first_rows};
  }
  void prepare(const BatchView& batch);
  /// The residual stream that the last block reads, of all rows.
  const Slot& before_last() const {
    return std::visit([](const auto& node) -> const Slot& { return node.out; }, blocks[blocks.size() - 2]);
  }
  void run_forward(const BatchView& batch, std::span<const int32_t> rows, std::span<const KvView> kv,
                   std::string* spoilt = nullptr);
  bool run_backward(const AnyNode& any, bool need_dx, const BlockContext& ctx, Buf d) const;
  void run_backward(const BatchView& batch, std::span<const int32_t> rows, HeadIo& io);
  double step(BatchView batch, const Targets& targets, Objective& objective, std::span<float> logprob,
              bool backward);

  std::shared_ptr<const Model> model;
  std::vector<LoraAdapter*> adapters;
  Ops& ops;
  NetworkOptions options;
  std::vector<RopeCache> ropes;              // the model's, then its local layers' where that is another
  std::vector<std::vector<LowRank>> deltas;  // what the projections' spans point into
  std::vector<AnyNode> blocks;  // the last one, an MLP, runs on selected rows alone, as the head does
  Node<HeadBlock> head{.name = "head", .spec = {}, .weights = {}};
  Slot d_residual;            // gradient of the residual stream, f32, one for the whole step
  Slot selected, d_selected;  // [targets] of the residual stream before the last block, and its gradient
  Booking booking;
  Arena arena;
  std::vector<int32_t> lengths;     // [sequences] of the batch
  std::vector<int64_t> first_rows;  // [sequences]
  SelectedRows selection;           // of the batch
  std::vector<float> weight;        // [targets] dLoss/dlogprob
};

Proj Network::Rep::proj(Role role, int64_t layer) {
  Proj p{.w = model->matrix(role, layer)};
  std::vector<LowRank> found(adapters.size());
  bool any = false;
  for (size_t i = 0; i < adapters.size(); ++i)
    if (const LoraEntry* entry = adapters[i]->find(role, layer)) {
      found[i] = adapters[i]->low_rank(*entry);
      any = true;
    }
  if (any) p.deltas = deltas.emplace_back(std::move(found));
  return p;
}

Proj Network::Rep::proj(Role role, Role bias, int64_t layer) {
  Proj p = proj(role, layer);
  p.bias = model->vector(bias, layer);
  return p;
}

Node<EmbedBlock> Network::Rep::embed_node() const {
  return {.name = "embed",
          .spec = {embed_scale(model->hp(), options.compute)},
          .weights = {model->matrix(Role::token_embd)}};
}

Node<AttentionBlock> Network::Rep::attention_node(int64_t layer) {
  const HyperParams& hp = model->hp();
  const AttentionSpec attention{.heads = hp.heads,
                                .kv_heads = hp.kv_heads,
                                .head_dim = hp.head_dim,
                                .scale = hp.score_scale(),  // onto the scores, in f32
                                .window = hp.window(layer)};
  const RopeCache& rope = hp.is_local(layer) ? ropes.back() : ropes.front();
  return {
      .name = "attention",
      .layer = layer,
      .spec = {.hidden = hp.hidden, .attention = attention, .norm_eps = hp.norm_eps, .rope = &rope.table()},
      .weights = {
          .norm = model->vector(Role::attn_norm, layer),
          .qkv = {proj(Role::attn_q, Role::attn_q_bias, layer), proj(Role::attn_k, Role::attn_k_bias, layer),
                  proj(Role::attn_v, Role::attn_v_bias, layer)},
          .qk_norm = {model->vector(Role::attn_q_norm, layer), model->vector(Role::attn_k_norm, layer)},
          .o = {proj(Role::attn_o, layer)},
          .post_norm = model->vector(Role::attn_post_norm, layer)}};
}

Node<MlpBlock> Network::Rep::mlp_node(int64_t layer) {
  const HyperParams& hp = model->hp();
  return {.name = "mlp",
          .spec = {.hidden = hp.hidden, .ffn = hp.ffn, .norm_eps = hp.norm_eps, .activation = hp.activation},
          .weights = {.norm = model->vector(Role::mlp_norm, layer),
                      .gate_up = {proj(Role::mlp_gate, layer), proj(Role::mlp_up, layer)},
                      .down = {proj(Role::mlp_down, layer)},
                      .post_norm = model->vector(Role::mlp_post_norm, layer)}};
}

void Network::Rep::build() {
  const HyperParams& hp = model->hp();
  blocks.push_back(embed_node());
  for (int64_t layer = 0; layer < hp.layers; ++layer) {
    blocks.push_back(attention_node(layer));
    blocks.push_back(mlp_node(layer));
  }
  head.spec = {.hidden = hp.hidden, .norm_eps = hp.norm_eps};
  head.weights = {.norm = model->vector(Role::out_norm), .head = {.w = model->matrix(Role::head)}};
  if (!options.training) return;
  for (AnyNode& any : blocks) {
    if (auto* a = std::get_if<Node<AttentionBlock>>(&any))
      a->trained = trains(a->weights.qkv) || trains(a->weights.o);
    if (auto* m = std::get_if<Node<MlpBlock>>(&any))
      m->trained = trains(m->weights.gate_up) || trains(m->weights.down);
  }
}

template <class B>
void Network::Rep::plan(Node<B>& node, Slot& residual, int64_t tokens, bool below) {
  node.backward = below || node.trained;
  node.in = residual;
  // A block that runs backward reads its input again: it gets an output of its own.
  if (node.backward) residual = booking.book("residual stream", tokens, model->hp().hidden, options.compute);
  node.out = residual;
  const BlockShape shape{.tokens = tokens,
                         .compute = options.compute,
                         .backward = node.backward,
                         .recompute = options.recompute};
  node.booked = B::plan(node.spec, node.weights, shape, booking, node.name);
}

// In the order of the forward, as a stack: a block's scratch lies where later blocks keep what they save,
// which is written after the forward has left the block and read before the backward comes to it.
void Network::Rep::plan() {
  const int64_t tokens = options.max_tokens, targets = options.max_targets, hidden = model->hp().hidden;
  if (options.training)
    d_residual = booking.book("gradient of the residual stream", tokens, hidden, DType::f32);
  Slot residual = booking.book("residual stream", tokens, hidden, options.compute);
  bool below = false;  // something below is trained, so gradients pass through
  for (AnyNode& any : blocks) {
    const bool last = &any == &blocks.back();
    if (last) {
      selected = residual = booking.book("residual stream", targets, hidden, options.compute);
      if (options.training)
        d_selected = booking.book("gradient of the residual stream", targets, hidden, DType::f32);
    }
    std::visit(
        [&](auto& node) {
          plan(node, residual, last ? targets : tokens, below);
          below = node.backward;
        },
        any);
  }
  head.in = residual;
  head.backward = below;
  head.booked =
      HeadBlock::plan(head.spec, head.weights,
                      {.tokens = targets, .compute = options.compute, .backward = below}, booking, head.name);
}

void Network::Rep::prepare(const BatchView& batch) {
  const int64_t tokens = batch.tokens(), sequences = batch.sequences();
  FETTLE_CHECK(tokens >= 1 && tokens <= options.max_tokens, "{} tokens, planned {}", tokens,
               options.max_tokens);
  FETTLE_CHECK(sequences >= 1 && sequences <= options.max_sequences, "{} sequences, planned {}", sequences,
               options.max_sequences);
  FETTLE_CHECK(int64_t(batch.positions.size()) == tokens && batch.cu_seqlens.back() == tokens);
  const auto [low, high] = std::ranges::minmax(batch.ids);
  FETTLE_CHECK(low >= 0 && high < model->hp().vocab_size, "token ids {} … {}", low, high);
  for (const Segment& s : batch.segments)
    FETTLE_CHECK(s.adapter < int32_t(adapters.size()), "adapter {} of {}", s.adapter, adapters.size());
  cover(int64_t(*std::ranges::max_element(batch.positions)) + 1);
  lengths.clear();
  first_rows.clear();
  for (int64_t s = 0; s < sequences; ++s) {
    lengths.push_back(batch.cu_seqlens[size_t(s) + 1] - batch.cu_seqlens[size_t(s)]);
    first_rows.push_back(batch.cu_seqlens[size_t(s)]);
  }
}

// Leaves the last block's output of `rows`. `spoilt` receives the name of the first block whose output is not
// finite.
void Network::Rep::run_forward(const BatchView& batch, std::span<const int32_t> rows,
                               std::span<const KvView> kv, std::string* spoilt) {
  prepare(batch);
  FETTLE_CHECK(int64_t(rows.size()) <= options.max_targets, "{} rows, planned {}", rows.size(),
               options.max_targets);
  selection.select(batch, rows);
  int64_t layer = -1;
  const auto run = [&](const AnyNode& any, BlockContext ctx) {
    std::visit(
        [&](const auto& node) {
          using Kind = typename std::decay_t<decltype(node)>::Kind;
          ctx.kv = kv.empty() || node.layer < 0 ? nullptr : &kv[size_t(node.layer)];
          Kind::forward(ctx, node.spec, node.weights, node.booked, ctx.at(node.in), ctx.at(node.out));
          if (!spoilt) return;
          layer = std::max(layer, node.layer);
          if (spoilt->empty() && !finite(ctx.at(node.out)))
            *spoilt = layer < 0 ? node.name : fmt::format("layer {}, {}", layer, node.name);
        },
        any);
  };
  const BlockContext all = context(batch), few = context(selection.view());
  for (const AnyNode& any : std::span(blocks).first(blocks.size() - 1)) run(any, all);
  if (rows.empty()) return;
  ops.gather_rows(all.at(before_last()), rows, few.at(selected));
  run(blocks.back(), few);
}

// Whether the block below runs backward too.
bool Network::Rep::run_backward(const AnyNode& any, bool need_dx, const BlockContext& ctx, Buf d) const {
  return std::visit(
      [&](const auto& node) {
        using Kind = typename std::decay_t<decltype(node)>::Kind;
        if (!node.backward) return false;
        const Buf in = ctx.at(node.in);
        if (options.recompute != Recompute::none)
          Kind::recompute(ctx, node.spec, node.weights, node.booked, in);
        Kind::backward(ctx, node.spec, node.weights, node.booked, in, d, need_dx);
        return need_dx;
      },
      any);
}

void Network::Rep::run_backward(const BatchView& batch, std::span<const int32_t> rows, HeadIo& io) {
  const BlockContext all = context(batch);
  BlockContext few = context(selection.view());
  few.head = &io;
  const auto below = [&](size_t i) {
    return i > 0 && std::visit([](const auto& node) { return node.backward; }, blocks[i - 1]);
  };
  const size_t last = blocks.size() - 1;
  HeadBlock::backward(few, head.spec, head.weights, head.booked, few.at(head.in), few.at(d_selected),
                      head.backward);
  if (!run_backward(blocks[last], below(last), few, few.at(d_selected))) return;
  arena.zero(d_residual, batch.tokens());
  ops.scatter_add_rows(few.at(d_selected), rows, all.at(d_residual));
  for (size_t i = last; i-- > 0 && run_backward(blocks[i], below(i), all, all.at(d_residual));) continue;
}

double Network::Rep::step(BatchView batch, const Targets& targets, Objective& objective,
                          std::span<float> logprob, bool backward) {
  const size_t n = targets.rows.size();
  FETTLE_CHECK(!backward || head.backward, "no adapter is trainable");
  FETTLE_CHECK(targets.tokens.size() == n && logprob.size() == n, "{} targets", n);
  if (n == 0) return objective.loss(targets, logprob);
  batch.training = backward;
  run_forward(batch, targets.rows, {});
  HeadIo io{.tokens = targets.tokens, .logprob = logprob, .one_pass = backward && objective.one_pass()};
  BlockContext ctx = context(selection.view());
  ctx.head = &io;
  HeadBlock::forward(ctx, head.spec, head.weights, head.booked, ctx.at(head.in), {});
  if (backward) {
    const std::span<float> w(weight.data(), n);
    objective.weigh(targets, io.one_pass ? std::span<const float>{} : logprob, w);
    io.weight = w;
    run_backward(batch, targets.rows, io);
  }
  return objective.loss(targets, logprob);
}

Network::Network(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops,
                 const NetworkOptions& options)
    : rep_(std::make_unique<Rep>(std::move(model), std::move(adapters), ops, options)) {}

Network::~Network() = default;

const Model& Network::model() const {
  return *rep_->model;
}

const NetworkOptions& Network::options() const {
  return rep_->options;
}

std::vector<PlanLine> Network::plan() const {
  int64_t parameters = 0, gradients = 0, kept = 0, rotary = 0;
  for (const RopeCache& rope : rep_->ropes) rotary += rope.bytes();
  for (LoraAdapter* a : rep_->adapters) {
    parameters += int64_t(a->params().size_bytes());
    gradients += int64_t(a->grads().size_bytes());
  }
  std::vector<PlanLine> lines = {{"weights (mapped)", rep_->model->weight_bytes()},
                                 {"adapter parameters", parameters},
                                 {"adapter gradients", gradients},
                                 {"rotary table", rotary}};
  std::map<std::string, int64_t> by_name;
  for (const Booking::Line& line : rep_->booking.lines())
    if (!line.scratch) by_name[line.name] += line.bytes;
  for (const auto& [name, bytes] : by_name) {
    lines.push_back({name, bytes});
    kept += bytes;
  }
  lines.push_back({"scratch of blocks", rep_->booking.peak_bytes() - kept});
  lines.push_back({"scratch of kernels", rep_->ops.scratch_bytes()});
  return lines;
}

int64_t Network::arena_bytes() const {
  return rep_->booking.peak_bytes();
}

void Network::forward(const BatchView& batch, std::span<const int32_t> rows, std::span<const KvView> kv) {
  FETTLE_CHECK(int64_t(kv.size()) == rep_->model->hp().layers, "{} caches", kv.size());
  rep_->run_forward(batch, rows, kv);
}

void Network::logits(Buf out) {
  const Rep& r = *rep_;
  const BlockContext ctx = r.context(r.selection.view());
  FETTLE_CHECK(out.rows == ctx.batch.tokens(), "logits of {} rows, forward of {}", out.rows,
               ctx.batch.tokens());
  HeadBlock::logits(ctx, r.head.spec, r.head.weights, r.head.booked, ctx.at(r.head.in), out);
}

double Network::train(const BatchView& batch, const Targets& targets, Objective& objective,
                      std::span<float> logprob) {
  return rep_->step(batch, targets, objective, logprob, true);
}

double Network::evaluate(const BatchView& batch, const Targets& targets, Objective& objective,
                         std::span<float> logprob) {
  return rep_->step(batch, targets, objective, logprob, false);
}

std::string Network::first_non_finite(const BatchView& batch, const Targets& targets) {
  std::string spoilt;
  rep_->run_forward(batch, targets.rows, {}, &spoilt);
  return spoilt;
}

}  // namespace fettle
