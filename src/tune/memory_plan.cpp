#include "tune/memory_plan.h"

#include <algorithm>
#include <functional>
#include <numeric>

#include "base/error.h"

namespace fettle {

namespace {
struct LevelRow {
  Recompute level;
  std::string_view name;
};
constexpr LevelRow kLevels[] = {
    {Recompute::none, "none"}, {Recompute::mlp, "mlp"}, {Recompute::block, "block"}};

int64_t largest_sum(std::vector<int64_t> values, int64_t count) {
  const auto n = std::min(int64_t(values.size()), count);
  std::partial_sort(values.begin(), values.begin() + n, values.end(), std::greater<>());
  return std::accumulate(values.begin(), values.begin() + n, int64_t(0));
}

int64_t adapter_bytes(std::span<LoraAdapter* const> adapters) {
  int64_t bytes = 0;
  for (LoraAdapter* a : adapters) bytes += int64_t(a->params().size_bytes() + a->grads().size_bytes());
  return bytes;
}

/// Halves `value` down to `least` until `needs(value)` fits; what it came to.
Remedy halve(std::string_view key, int64_t value, int64_t least,
             const std::function<MemoryPlan(int64_t)>& needs) {
  MemoryPlan plan;
  do {
    value = std::max(least, value / 2);
    plan = needs(value);
  } while (!plan.fits() && value > least);
  return {fmt::format("{}: {}", key, value), plan.bytes(), plan.fits()};
}
}  // namespace

std::string_view name(Recompute level) {
  return std::ranges::find(kLevels, level, &LevelRow::level)->name;
}

BatchShape batch_shape(const Dataset& data, int64_t batch_size, int64_t cutoff_len) {
  std::vector<int64_t> lengths, targets;
  for (int64_t i = 0; i < data.size(); ++i) {
    lengths.push_back(std::min(data.length(i), cutoff_len));
    targets.push_back(std::min(data.targets(i), lengths.back()));
  }
  return {.tokens = largest_sum(std::move(lengths), batch_size),
          .sequences = std::min(batch_size, data.size()),
          .targets = largest_sum(std::move(targets), batch_size)};
}

int64_t MemoryPlan::bytes() const {
  int64_t sum = 0;
  for (const PlanLine& line : lines) sum += line.bytes;
  return sum;
}

MemoryPlanner::MemoryPlanner(const TrainJob& job, const Session& session, std::vector<LoraAdapter*> adapters,
                             int64_t moments, int64_t evaluation)
    : job_(job),
      session_(session),
      adapters_(std::move(adapters)),
      evaluation_(evaluation),
      loaded_(resident_memory() - adapter_bytes(adapters_) - moments),
      limit_(job.memory_limit > 0 ? job.memory_limit : resident_memory() + available_memory()) {}

NetworkOptions MemoryPlanner::network_options(Recompute level, const BatchShape& shape) const {
  return {.compute = session_.compute,
          .training = true,
          .recompute = level,
          .max_tokens = shape.tokens,
          .max_sequences = shape.sequences,
          .max_targets = shape.targets};
}

MemoryPlan MemoryPlanner::plan(Recompute level, const BatchShape& shape,
                               std::vector<LoraAdapter*> adapters) const {
  int64_t moments = 0;
  for (LoraAdapter* a : adapters) moments += 2 * int64_t(a->grads().size_bytes());
  const Network network(session_.model, std::move(adapters), *session_.ops, network_options(level, shape));
  MemoryPlan plan{.lines = network.plan(), .recompute = level, .limit = limit_};
  plan.lines.insert(plan.lines.begin(), {"program, tokenizer, samples (measured)", loaded_});
  const auto gradients = std::ranges::find(plan.lines, "adapter gradients", &PlanLine::name);
  FETTLE_CHECK(gradients != plan.lines.end());
  plan.lines.insert(gradients + 1, {"moments of the optimizer", moments});
  plan.lines.push_back({"evaluation", evaluation_});
  std::erase_if(plan.lines, [](const PlanLine& line) { return line.bytes == 0; });
  return plan;
}

MemoryPlan MemoryPlanner::plan(Recompute level, const BatchShape& shape) const {
  return plan(level, shape, adapters_);
}

MemoryPlan MemoryPlanner::plan() const {
  const BatchShape shape = batch_shape(session_.data.train, job_.batch_size);
  if (job_.recompute) return plan(*job_.recompute, shape);
  for (const LevelRow& row : kLevels)
    if (MemoryPlan p = plan(row.level, shape); p.fits() || row.level == Recompute::block) return p;
  FETTLE_CHECK(false, "the last level always returns");
}

Remedy MemoryPlanner::by_rank() const {
  const BatchShape shape = batch_shape(session_.data.train, job_.batch_size);
  return halve("lora_rank", job_.lora.rank, 1, [&](int64_t rank) {
    LoraConfig config = adapters_.back()->config();
    config.rank = rank;
    const auto smaller = LoraAdapter::create(*session_.model, config, job_.seed);
    smaller->make_trainable();
    return plan(Recompute::block, shape, {smaller.get()});
  });
}

std::vector<Remedy> MemoryPlanner::remedies() const {
  const Dataset& data = session_.data.train;
  return {halve("per_device_train_batch_size", job_.batch_size, 1,
                [&](int64_t n) { return plan(Recompute::block, batch_shape(data, n)); }),
          halve("cutoff_len", job_.data.cutoff_len, 16,
                [&](int64_t n) { return plan(Recompute::block, batch_shape(data, job_.batch_size, n)); }),
          by_rank()};
}

int64_t MemoryPlanner::full_fine_tuning(const MemoryPlan& plan) const {
  constexpr int64_t kBytesPerParameter = 4 * 4;
  int64_t bytes = kBytesPerParameter * session_.model->parameters();
  for (const PlanLine& line : plan.lines)
    if (!line.name.starts_with("weights") && !line.name.starts_with("adapter") &&
        !line.name.starts_with("moments"))
      bytes += line.bytes;
  return bytes;
}

void MemoryPlanner::require(const MemoryPlan& plan) const {
  if (plan.fits()) return;
  std::string hint = "one of these makes it fit:";
  bool any = false;
  for (const Remedy& r : remedies())
    if (r.fits) {
      hint += fmt::format("\n    {}   ({})", r.key, memory_text(r.bytes));
      any = true;
    }
  if (!any)
    hint =
        "no smaller batch, cutoff_len or rank makes it fit: use a smaller model or one of fewer bits per "
        "weight";
  throw Error({.what = fmt::format("the run needs {} of memory, {} may be used", memory_text(plan.bytes()),
                                   memory_text(plan.limit)),
               .where = job_.model.model,
               .hint = hint});
}

}  // namespace fettle
