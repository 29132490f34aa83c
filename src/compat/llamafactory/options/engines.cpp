#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"vllm_maxlen", integer, "4096", "> 0", "vLLM.", no_effect, "Fettle generates with its own forward"},
    {"vllm_gpu_util", number, "0.7", "0 … 1", "vLLM.", no_effect, "Fettle generates with its own forward"},
    {"vllm_enforce_eager", boolean, "false", "", "vLLM.", no_effect, "Fettle generates with its own forward"},
    {"vllm_max_lora_rank", integer, "32", "> 0", "vLLM.", no_effect, "Fettle generates with its own forward"},
    {"vllm_config", text, "", "", "vLLM.", no_effect, "Fettle generates with its own forward"},
    {"sglang_maxlen", integer, "4096", "> 0", "SGLang.", no_effect, "Fettle generates with its own forward"},
    {"sglang_mem_fraction", number, "0.7", "0 … 1", "SGLang.", no_effect,
     "Fettle generates with its own forward"},
    {"sglang_tp_size", integer, "-1", "", "SGLang.", no_effect, "Fettle generates with its own forward"},
    {"sglang_config", text, "", "", "SGLang.", no_effect, "Fettle generates with its own forward"},
    {"sglang_lora_backend", text, "triton", "triton | flashinfer", "SGLang.", no_effect,
     "Fettle generates with its own forward"},
    {"use_kt", boolean, "false", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_cpu_activation", text, "", "retain | recompute", "KTransformers.", no_effect,
     "Fettle has kernels of its own"},
    {"kt_weight_path", text, "", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_non_expert_weight_path", text, "", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_expert_checkpoint_path", text, "", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_use_lora_experts", boolean, "", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_lora_expert_num", integer, "", "> 0", "KTransformers.", no_effect, "Fettle has kernels of its own"},
    {"kt_lora_expert_intermediate_size", integer, "", "> 0", "KTransformers.", no_effect,
     "Fettle has kernels of its own"},
    {"kt_config", text, "", "", "KTransformers.", no_effect, "Fettle has kernels of its own"},
};
}  // namespace

std::span<const OptionRow> engine_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
