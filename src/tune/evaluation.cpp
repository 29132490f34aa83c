#include "tune/evaluation.h"

#include <algorithm>

#include "base/error.h"
#include "base/run_clock.h"

namespace fettle {

double mean_of_batches(std::span<const double> nll, std::span<const int64_t> targets, int64_t batch_size) {
  FETTLE_CHECK(nll.size() == targets.size() && !nll.empty() && batch_size > 0);
  double sum = 0;
  for (size_t begin = 0; begin < nll.size(); begin += size_t(batch_size)) {
    const size_t end = std::min(nll.size(), begin + size_t(batch_size));
    double batch_nll = 0;
    int64_t batch_targets = 0;
    for (size_t i = begin; i < end; ++i) {
      batch_nll += nll[i];
      batch_targets += targets[i];
    }
    sum += batch_nll / double(batch_targets) * double(end - begin);
  }
  return sum / double(nll.size());
}

Evaluation::Evaluation(std::shared_ptr<const Model> model, std::vector<LoraAdapter*> adapters, Ops& ops,
                       DType compute, const std::vector<EvalSet>& sets, int64_t batch_size, int64_t tokens)
    : sets_(sets), batch_size_(batch_size), adapter_(adapters.empty() ? -1 : 0) {
  plan_packs(tokens);
  NetworkOptions options{.compute = compute};
  for (const Pack& pack : packs_) {
    int64_t pack_tokens = 0, pack_targets = 0;
    for (int64_t i = pack.begin; i < pack.end; ++i) {
      pack_tokens += pack.data->length(i);
      pack_targets += pack.data->targets(i);
    }
    options.max_tokens = std::max(options.max_tokens, pack_tokens);
    options.max_targets = std::max(options.max_targets, pack_targets);
    options.max_sequences = std::max(options.max_sequences, pack.end - pack.begin);
  }
  network_ = std::make_unique<Network>(std::move(model), std::move(adapters), ops, options);
}

void Evaluation::plan_packs(int64_t tokens) {
  for (const EvalSet& set : sets_) {
    int64_t used = 0;
    for (int64_t i = 0; i < set.data.size(); ++i) {
      used += set.data.length(i);
      if (i == 0 || used > tokens) {
        packs_.push_back({&set.data, i, i});
        used = set.data.length(i);
      }
      packs_.back().end = i + 1;
    }
  }
}

void Evaluation::run_pack(const Pack& pack) {
  batch_.clear();
  for (int64_t i = pack.begin; i < pack.end; ++i) batch_.append(*pack.data, i);
  const Segment whole{0, batch_.tokens(), adapter_};
  const BatchView view{.ids = batch_.ids,
                       .positions = batch_.positions,
                       .cu_seqlens = batch_.cu_seqlens,
                       .segments = {&whole, 1},
                       .sample_keys = batch_.sample_keys};
  logprob_.resize(size_t(batch_.targets()));
  objective_.begin_step(batch_.targets());
  network_->evaluate(view, targets_of(batch_), objective_, logprob_);
  for (int64_t s = 0; s < batch_.sequences(); ++s) {
    double sum = 0;
    const int32_t begin = batch_.cu_targets[size_t(s)], end = batch_.cu_targets[size_t(s) + 1];
    for (int32_t t = begin; t < end; ++t) sum -= double(logprob_[size_t(t)]);
    nll_.push_back(sum);
    targets_.push_back(end - begin);
  }
}

// The first of the two generates kernels and takes the memory.
double Evaluation::probe() {
  double seconds = 0;
  for (int i = 0; i < 2; ++i) {
    const RunClock::Span span;
    run_pack(packs_.front());
    seconds = span.seconds();
  }
  double tokens = 0;
  for (const EvalSet& set : sets_)
    for (int64_t i = 0; i < set.data.size(); ++i) tokens += double(set.data.length(i));
  return seconds * tokens / double(batch_.tokens());
}

std::optional<std::vector<SetLoss>> Evaluation::run(Listener& listener, const std::atomic<bool>* stop) {
  std::vector<SetLoss> losses;
  auto pack = packs_.begin();
  for (const EvalSet& set : sets_) {
    const std::string task = set.name.empty() ? "Evaluating" : "Evaluating " + set.name;
    const RunClock::Span span;
    nll_.clear();
    targets_.clear();
    for (; pack != packs_.end() && pack->data == &set.data; ++pack) {
      if (stop && stop->load()) return std::nullopt;
      listener.on_progress({task, pack->begin, set.data.size(), "samples"});
      run_pack(*pack);
    }
    listener.on_progress({task, set.data.size(), set.data.size(), "samples"});
    const int64_t samples = set.data.size();
    losses.push_back({.set = set.name,
                      .loss = mean_of_batches(nll_, targets_, batch_size_),
                      .seconds = span.seconds(),
                      .samples = samples,
                      .batches = (samples + batch_size_ - 1) / batch_size_});
  }
  return losses;
}

}  // namespace fettle
