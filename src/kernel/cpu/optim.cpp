// Operations over flat spans of parameters and gradients.
#include <cmath>

#include "base/error.h"
#include "kernel/cpu/cpu_ops.h"
#include "kernel/cpu/loops.h"

namespace fettle {

void CpuOps::adamw(std::span<float> param, std::span<float> grad, std::span<float> m, std::span<float> v,
                   const AdamW& rule) {
  FETTLE_CHECK(grad.size() == param.size() && m.size() == param.size() && v.size() == param.size() &&
               rule.step >= 1);
  const double beta1 = rule.beta1, beta2 = rule.beta2, lr = rule.lr;
  const AdamWFactors factors = {
      .grad_scale = rule.grad_scale,
      .keep = float(1 - lr * rule.weight_decay),
      .one_minus_beta1 = float(1 - beta1),
      .beta2 = float(beta2),
      .one_minus_beta2 = float(1 - beta2),
      .sqrt_correction2 = float(std::sqrt(1 - std::pow(beta2, double(rule.step)))),
      .eps = float(rule.eps),
      .step_size = float(lr / (1 - std::pow(beta1, double(rule.step)))),
  };
  for_chunks(pool_, int64_t(param.size()), [&](int64_t begin, int64_t n) {
    rows_.adamw(param.data() + begin, grad.data() + begin, m.data() + begin, v.data() + begin, factors, n);
  });
}

double CpuOps::sum_squares(std::span<const float> x) {
  const int64_t n = int64_t(x.size()), blocks = (n + kTaskElements - 1) / kTaskElements;
  double* part = reinterpret_cast<double*>(shared_scratch_.get(blocks * int64_t(sizeof(double))));
  for_chunks(pool_, n, [&](int64_t begin, int64_t count) {
    part[begin / kTaskElements] = rows_.sum_squares(x.data() + begin, count);
  });
  double total = 0;
  for (int64_t b = 0; b < blocks; ++b) total += part[b];
  return total;
}

}  // namespace fettle
