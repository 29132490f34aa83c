// A base and its adapters as one model: W + Σ scale·B·A, tensor by tensor while it is written, in memory that
// does not grow with the model.
#pragma once

#include <span>

#include "base/thread_pool.h"
#include "format/tensor_file.h"
#include "model/lora.h"

namespace fettle {

enum class Container : uint8_t { safetensors, gguf };

/// What the merged tensors become. safetensors: every number in `type` (F32, F16 or BF16). GGUF: matrices in
/// `type` (also Q8_0), vectors in F32 as its readers expect; a matrix whose rows are no whole blocks of Q8_0
/// is F16, and under Q8_0 a matrix that the base holds quantised and no adapter touches keeps its type and
/// bytes, for encoding it again would add an error and save nothing.
struct MergedForm {
  Container container = Container::safetensors;
  DType type = DType::f32;
};

/// The tensors of `model` with the adapters added, in the container's names and row order, ready to be
/// written. Of a Hugging Face folder every tensor goes on under its own name, also those that no row claims.
/// What produce() hands over is rounded once from the sum in double. It throws Error naming the tensor when a
/// merged value is not a finite number or does not fit the type. `model`, `adapters` and `pool` must outlive
/// the result.
std::vector<TensorToWrite> merged_tensors(const Model& model, std::span<const LoraAdapter* const> adapters,
                                          const MergedForm& form, ThreadPool& pool);

/// How many of the model's tensors an adapter touches.
int64_t merged_count(const Model& model, std::span<const LoraAdapter* const> adapters);

}  // namespace fettle
