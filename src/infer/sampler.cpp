#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "base/error.h"
#include "base/rng.h"
#include "infer/generate.h"

namespace fettle {

namespace {
struct Candidate {
  float logit;
  int32_t id;
};

// Order of preference; equal logits: the lower id, so that ties never depend on a library's sort.
bool better(const Candidate& a, const Candidate& b) {
  return a.logit != b.logit ? a.logit > b.logit : a.id < b.id;
}

// A token that was seen becomes less likely, once however often it was seen (CTRL, Keskar et al. 2019).
void penalise(std::span<float> logits, std::span<const int32_t> seen, double penalty) {
  if (penalty == 1) return;
  std::vector<int32_t> unique(seen.begin(), seen.end());
  std::sort(unique.begin(), unique.end());
  unique.erase(std::unique(unique.begin(), unique.end()), unique.end());
  for (int32_t id : unique) {
    float& x = logits[size_t(id)];
    x = float(x < 0 ? x * penalty : x / penalty);
  }
}

std::vector<Candidate> top_candidates(std::span<const float> logits, int64_t top_k) {
  std::vector<Candidate> all(logits.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = {logits[i], int32_t(i)};
  const size_t n = top_k > 0 ? std::min(all.size(), size_t(top_k)) : all.size();
  std::partial_sort(all.begin(), all.begin() + int64_t(n), all.end(), better);
  all.resize(n);
  return all;
}

// Nucleus: the shortest prefix of the sorted candidates whose probability reaches top_p (Holtzman et al.
// 2020).
size_t nucleus(std::span<const double> weight, double top_p) {
  if (top_p >= 1) return weight.size();
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  double sum = 0;
  for (size_t i = 0; i < weight.size(); ++i)
    if ((sum += weight[i]) >= top_p * total) return i + 1;
  return weight.size();
}
}  // namespace

int32_t pick_token(std::span<float> logits, std::span<const int32_t> seen, const SamplingOptions& options,
                   uint32_t draw) {
  FETTLE_CHECK(!logits.empty());
  penalise(logits, seen, options.repetition_penalty);
  if (!options.do_sample || options.temperature <= 0) {
    return int32_t(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  const std::vector<Candidate> candidates = top_candidates(logits, options.top_k);
  std::vector<double> weight(candidates.size());
  for (size_t i = 0; i < weight.size(); ++i)
    weight[i] = std::exp((double(candidates[i].logit) - candidates[0].logit) / options.temperature);
  weight.resize(nucleus(weight, options.top_p));
  const double total = std::accumulate(weight.begin(), weight.end(), 0.0);
  double left = Rng(options.seed, Purpose::sample, draw).next_float() * total;
  for (size_t i = 0; i < weight.size(); ++i)
    if ((left -= weight[i]) < 0) return candidates[i].id;
  return candidates[weight.size() - 1].id;
}

}  // namespace fettle
