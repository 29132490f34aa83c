#include "tune/optim/optimizer.h"

#include <algorithm>
#include <cmath>

namespace fettle {

Optimizer::Optimizer(const TrainJob& job, int64_t parameters)
    : adamw_{.beta1 = job.beta1, .beta2 = job.beta2, .eps = job.epsilon, .weight_decay = job.weight_decay},
      max_grad_norm_(job.max_grad_norm),
      m_(size_t(parameters), 0.f),
      v_(size_t(parameters), 0.f) {}

double Optimizer::step(Ops& ops, std::span<float> params, std::span<float> grads, double lr) {
  const double norm = std::sqrt(ops.sum_squares(grads));
  if (!std::isfinite(norm)) return norm;
  // torch.nn.utils.clip_grad_norm_: the 1e-6 guards an all-zero gradient. max_grad_norm 0 switches clipping
  // off.
  const double scale = max_grad_norm_ > 0 ? std::min(1.0, max_grad_norm_ / (norm + 1e-6)) : 1.0;
  AdamW update = adamw_;
  update.lr = lr;
  update.grad_scale = float(scale);
  update.step = ++updates_;
  ops.adamw(params, grads, m_, v_, update);
  return norm;
}

}  // namespace fettle
