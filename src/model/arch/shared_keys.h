// The keys that families read alike: of config.json, and of a GGUF's metadata under the family's prefix.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/arch/hf_config.h"
#include "model/hyper_params.h"

namespace fettle {

class GgufFile;
class GgufMetadata;

/// What transformers assumes where config.json is silent.
struct HfDefaults {
  int64_t vocab_size = 0, heads = 0;  // 0: the key must be there
  int64_t kv_heads = 0;               // 0: as many as heads
  int64_t head_dim = 0;               // 0: hidden / heads
  int64_t context_length = 2048;
  bool tied_head = false;
};

[[noreturn]] void refuse(std::string what, const std::string& where, std::string hint = {});
/// Refuses each of these keys that is true.
void refuse_flags(const HfConfig& config, std::initializer_list<std::string_view> keys);

/// Sizes, norm epsilon and tying. Activation, rotary embedding and windows are the family's to add.
HyperParams sizes_from_hf(const HfConfig& config, const HfDefaults& defaults);
Activation activation_from_hf(const HfConfig& config, std::string_view key, const std::string& fallback);
/// `theta` where no key says it; reads rope_parameters (transformers 5), or rope_theta and rope_scaling.
RopeParams rope_from_hf(const HfConfig& config, double theta);
/// One object of rotary parameters: {"rope_type": "linear", "factor": 8, "rope_theta": 1e6}.
RopeParams rope_from_object(const HfConfig& object, double theta);
/// layer_types as [layers] of "has the sliding window", or `fallback` of each layer where the key is missing.
/// Error for any other type, and for a wrong count.
std::vector<bool> local_layers_from_hf(const HfConfig& config, int64_t layers,
                                       const std::function<bool(int64_t)>& fallback);
/// The windows of Qwen2 and Qwen3: use_sliding_window, sliding_window, max_window_layers.
void qwen_window_from_hf(const HfConfig& config, HyperParams& hp);

/// The same windows written down.
void qwen_window_to_hf(const HyperParams& hp, nlohmann::json& config);
/// Error for a window: llama.cpp has none for these families.
void refuse_window_in_gguf(const HyperParams& hp, GgufMetadata& metadata);

/// Sizes, norm epsilon, window, tying and rotary embedding under "ARCH.…". Refuses mixtures of experts.
HyperParams from_gguf_keys(const GgufFile& file, std::string_view arch);

}  // namespace fettle
