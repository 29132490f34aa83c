// Several adapters at once. A base that adapters were merged into computes W·x + Σ ΔWᵢ·x; ΔWᵢ of all of them
// are low-rank, so their sum is one adapter of the summed rank and no weight of the base is ever written.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "model/lora.h"

namespace fettle {

/// The adapter whose ΔW is the sum of the parts' for every linear that any of them adapts, without dropout.
/// The rows of A stand in the order of the parts. `parts` must not be empty.
std::unique_ptr<LoraAdapter> sum_of_adapters(const Model& model, std::span<const LoraAdapter* const> parts);

/// Loads the folders in order and adds them up; one is just loaded, none gives null.
std::unique_ptr<LoraAdapter> load_adapters(const std::vector<std::string>& folders, const Model& model);

/// One adapter in training on others that stay as they are. The network sees their sum; what is trained is
/// copied in before a step and its gradient taken out after it.
class AdapterStack {
 public:
  /// Error when `trained` has dropout: the frozen parts would be dropped with it. `trained` must be trainable
  /// and outlive the stack.
  AdapterStack(const Model& model, std::unique_ptr<LoraAdapter> frozen, LoraAdapter& trained);

  LoraAdapter& sum() { return *sum_; }
  /// Trained parameters → sum.
  void publish();
  /// Gradients of the trained part: moved from the sum into the trained adapter's, added.
  void collect();
  /// SHA-256 of the frozen parameters.
  const std::string& fingerprint() const { return fingerprint_; }

 private:
  /// One linear of the trained adapter in the sum.
  struct Place {
    const LoraEntry *trained, *sum;
    int64_t first;  // its first row of the sum's A
    float factor;   // of its B: its own scale over the sum's
  };
  LoraAdapter& trained_;
  std::unique_ptr<LoraAdapter> sum_;
  std::vector<Place> places_;
  std::string fingerprint_;
};

}  // namespace fettle
