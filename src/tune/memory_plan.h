// What a run needs of memory, by name, before it takes any; and how to make it fit.
#pragma once

#include <string>
#include <vector>

#include "base/memory.h"
#include "model/network.h"
#include "tune/job.h"
#include "tune/session.h"

namespace fettle {

/// The most that one micro-batch of a run can hold, whatever the shuffle.
struct BatchShape {
  int64_t tokens = 0, sequences = 0, targets = 0;
};
/// Of `batch_size` samples, each cut to `cutoff_len`.
BatchShape batch_shape(const Dataset& data, int64_t batch_size, int64_t cutoff_len = INT64_MAX);

struct MemoryPlan {
  std::vector<PlanLine> lines;
  Recompute recompute = Recompute::none;
  int64_t limit = 0;

  int64_t bytes() const;
  bool fits() const { return bytes() <= limit; }
};

/// A change of one key, alone, that makes a run fit.
struct Remedy {
  std::string key;    // "cutoff_len: 512"
  int64_t bytes = 0;  // what the run then needs
  bool fits = false;  // false: not even the least value of the key is enough
};

class MemoryPlanner {
 public:
  /// What is loaded by now counts as it is measured, less what has a line of its own: `adapters`, and
  /// `moments` bytes of an optimizer that is made already. `evaluation`: bytes that evaluating takes besides.
  MemoryPlanner(const TrainJob& job, const Session& session, std::vector<LoraAdapter*> adapters,
                int64_t moments, int64_t evaluation);

  /// The job as it is: at the level it names, or at the first of none, mlp, block that fits, else at block.
  MemoryPlan plan() const;
  /// The same at one level and for other batches.
  MemoryPlan plan(Recompute level, const BatchShape& shape) const;
  NetworkOptions network_options(Recompute level, const BatchShape& shape) const;
  /// The three keys that count most, each lowered by halves until the run fits.
  std::vector<Remedy> remedies() const;
  /// Bytes of training every parameter: weights, gradients and two moments in f32 in the place of weights and
  /// adapters; the rest as in `plan`.
  int64_t full_fine_tuning(const MemoryPlan& plan) const;
  /// Error with the remedies when a plan does not fit.
  void require(const MemoryPlan& plan) const;

 private:
  MemoryPlan plan(Recompute level, const BatchShape& shape, std::vector<LoraAdapter*> adapters) const;
  Remedy by_rank() const;

  const TrainJob& job_;
  const Session& session_;
  std::vector<LoraAdapter*> adapters_;
  int64_t evaluation_, loaded_, limit_;
};

std::string_view name(Recompute level);

}  // namespace fettle
