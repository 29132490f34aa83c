#include "infer/generate.h"

#include <algorithm>

#include "base/error.h"
#include "base/plan.h"

namespace fettle {

namespace {
// A prompt is run in pieces, so that the step arena stays small however long it is.
constexpr int64_t kPrefillTokens = 512;
}  // namespace

struct Generator::Rep {
  std::shared_ptr<const Model> model;
  Ops& ops;
  int64_t context;
  bool adapted;
  Network network;
  Arena cache;
  std::vector<Slot> k, v;     // [layers]
  std::vector<KvView> views;  // [layers]
  int32_t length = 0;         // keys of the one sequence, this batch's included
  int64_t block_row = 0;
  std::vector<int32_t> cached;  // ids the cache holds
  std::vector<float> logits;

  Rep(std::shared_ptr<const Model> m, std::vector<LoraAdapter*> adapters, Ops& o, DType compute, int64_t n)
      : model(std::move(m)),
        ops(o),
        context(n),
        adapted(!adapters.empty()),
        network(model, std::move(adapters), ops,
                {.compute = compute,
                 .max_tokens = std::min(n, kPrefillTokens),
                 .max_sequences = 1,
                 .max_targets = 1}),
        logits(size_t(model->hp().vocab_size)) {
    Booking book;
    const HyperParams& hp = model->hp();
    for (int64_t layer = 0; layer < hp.layers; ++layer) {
      k.push_back(book.book("k cache", context, hp.kv_dim(), compute));
      v.push_back(book.book("v cache", context, hp.kv_dim(), compute));
    }
    cache = Arena(book.peak_bytes());
    for (size_t layer = 0; layer < k.size(); ++layer)
      views.push_back({.k = cache.at(k[layer]),
                       .v = cache.at(v[layer]),
                       .lengths = {&length, 1},
                       .block_rows = {&block_row, 1}});
  }

  // `rows`: whose logits are wanted.
  void run(std::span<const int32_t> ids, std::span<const int32_t> rows) {
    std::vector<int32_t> positions(ids.size());
    for (size_t i = 0; i < ids.size(); ++i) positions[i] = int32_t(cached.size() + i);
    const int32_t cu[2] = {0, int32_t(ids.size())};
    const Segment segment{0, int64_t(ids.size()), adapted ? 0 : -1};
    const uint64_t key = 0;
    length = int32_t(cached.size() + ids.size());
    network.forward({.ids = ids,
                     .positions = positions,
                     .cu_seqlens = cu,
                     .segments = {&segment, 1},
                     .sample_keys = {&key, 1}},
                    rows, views);
    cached.insert(cached.end(), ids.begin(), ids.end());
  }

  // Leaves the logits behind the last id in `logits`. What the cache shares with `ids` is not run again, but
  // for the last id, whose logits are wanted.
  void advance(std::span<const int32_t> ids) {
    size_t shared = 0;
    while (shared + 1 < ids.size() && shared < cached.size() && cached[shared] == ids[shared]) ++shared;
    cached.resize(shared);
    while (cached.size() < ids.size()) {
      const size_t n = std::min(ids.size() - cached.size(), size_t(kPrefillTokens));
      const int32_t last_row = int32_t(n) - 1;
      const bool last = cached.size() + n == ids.size();
      run(ids.subspan(cached.size(), n), {&last_row, last ? size_t(1) : 0});
    }
    network.logits({logits.data(), 1, int64_t(logits.size()), int64_t(logits.size()), DType::f32});
  }
};

Generator::Generator(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops,
                     DType compute, int64_t context)
    : rep_(new Rep(std::move(model), std::move(adapters), ops, compute, context)) {}

Generator::~Generator() = default;

StopReason Generator::generate(std::span<const int32_t> prompt, std::span<const int32_t> stop_ids,
                               const SamplingOptions& options, const std::function<bool(int32_t)>& on_token) {
  FETTLE_CHECK(!prompt.empty());
  if (int64_t(prompt.size()) >= rep_->context)
    throw Error({.what = fmt::format("the conversation has {} tokens, the model's context holds {}",
                                     prompt.size(), rep_->context),
                 .hint = "start a new one with /clear"});
  std::vector<int32_t> ids(prompt.begin(), prompt.end());
  for (int64_t n = 0; n < options.max_new_tokens && int64_t(ids.size()) < rep_->context; ++n) {
    rep_->advance(ids);
    const int32_t id = pick_token(rep_->logits, ids, options, uint32_t(n));
    if (std::find(stop_ids.begin(), stop_ids.end(), id) != stop_ids.end()) return StopReason::stop_token;
    ids.push_back(id);
    if (!on_token(id)) return StopReason::cancelled;
  }
  return StopReason::length;
}

}  // namespace fettle
