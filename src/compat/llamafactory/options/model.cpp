#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"model_name_or_path", text, "", "",
     "The base model: a GGUF file, a folder with config.json and safetensors, or a model that fettle models "
     "--local lists: owner/name, owner/name:FILE, ollama:name:tag, lmstudio:owner/name."},
    {"adapter_name_or_path", list, "", "",
     "Adapter folders, added up in order: the last goes on training; chat, export and do_eval use them all."},
    {"adapter_folder", text, "", "", "Sub-folder of adapter_name_or_path.", later,
     "write the whole path into adapter_name_or_path"},
    {"quantization_bit", integer, "", "4 | 8",
     "Quantise the base on load. Over a base that is quantised already: noted, changes nothing."},
    {"quantization_method", text, "bnb", "bnb | hqq | eetq | gptq | awq | aqlm | quanto | mxfp4 | fp8",
     "Method of quantization_bit.", no_effect,
     "belongs to quantization_bit, which is not applied on load yet"},
    {"quantization_type", text, "nf4", "nf4 | fp4", "4-bit type of quantization_bit.", no_effect,
     "belongs to quantization_bit, which is not applied on load yet"},
    {"double_quantization", boolean, "true", "", "Quantise the scales too.", no_effect,
     "belongs to quantization_bit, which is not applied on load yet"},
    {"quantization_device_map", text, "", "auto", "Spread a 4-bit model over devices.", no_effect,
     "there is one device"},
    {"rope_scaling", text, "", "linear | dynamic | yarn | llama3",
     "Stretch the context beyond what the model was trained on.", later,
     "use a model whose own config has the scaling it needs"},
    {"flash_attn", text, "auto", "auto | disabled | sdpa | fa2 | fa3", "Choice of GPU attention kernel.",
     no_effect, "attention is always tiled here, with no [tokens, tokens] matrix"},
    {"shift_attn", boolean, "false", "", "LongLoRA's shifted attention.", later,
     "leave it out: packed attention is exact"},
    {"use_unsloth", boolean, "false", "", "Unsloth's GPU path.", no_effect, "Fettle has kernels of its own"},
    {"use_unsloth_gc", boolean, "false", "", "Unsloth's checkpointing.", no_effect,
     "activations are planned by Fettle"},
    {"enable_liger_kernel", boolean, "false", "", "Liger's GPU kernels.", no_effect,
     "head and loss are always fused here"},
    {"disable_gradient_checkpointing", boolean, "false", "", "Switch recomputation off.", no_effect,
     "activations that are cheap to make again are not kept; nothing else is recomputed"},
    {"gradient_checkpointing", boolean, "false", "", "Recomputation switch of transformers.", no_effect,
     "activations that are cheap to make again are not kept; nothing else is recomputed"},
    {"use_reentrant_gc", boolean, "true", "", "Flavour of torch's checkpointing.", no_effect,
     "there is no torch here"},
    {"upcast_layernorm", boolean, "false", "", "Norm weights in fp32.", no_effect,
     "norms are always computed in fp32 here"},
    {"upcast_lmhead_output", boolean, "false", "", "Logits in fp32.", no_effect,
     "logits are always fp32 here"},
    {"low_cpu_mem_usage", boolean, "true", "", "Load shard by shard.", no_effect,
     "weights are mapped from the file, never copied"},
    {"use_fast_tokenizer", boolean, "true", "", "Choice of Python tokenizer.", no_effect,
     "there is one tokenizer, and it is fast"},
    {"trust_remote_code", boolean, "false", "", "Run Python from the model's folder.", no_effect,
     "no code from models is ever run"},
    {"model_revision", text, "main", "", "Branch, tag or commit of a model in a hub's cache."},
    {"cache_dir", text, "", "",
     "Cache of a hub's models. Unset: HF_HUB_CACHE, HF_HOME, MODELSCOPE_CACHE, else the usual places."},
    {"hf_hub_token", text, "", "", "Hub token.", no_effect, "models are read from local paths"},
    {"ms_hub_token", text, "", "", "ModelScope token.", no_effect, "models are read from local paths"},
    {"om_hub_token", text, "", "", "Modelers token.", no_effect, "models are read from local paths"},
    {"resize_vocab", boolean, "false", "", "Grow the embedding.", later,
     "use a model whose vocabulary holds the tokens"},
    {"add_tokens", text, "", "", "Tokens to add.", later, "use a model whose vocabulary holds the tokens"},
    {"add_special_tokens", text, "", "", "Special tokens to add.", later,
     "use a model whose vocabulary holds the tokens"},
    {"new_special_tokens_config", text, "", "", "File of special tokens to add.", later,
     "use a model whose vocabulary holds the tokens"},
    {"init_special_tokens", text, "noise_init", "noise_init | desc_init | desc_init_w_noise",
     "Start of added tokens.", no_effect, "belongs to add_special_tokens"},
    {"split_special_tokens", boolean, "false", "", "Special tokens in the data become plain text.", later,
     "leave it out: they become their ids"},
    {"mixture_of_depths", text, "", "convert | load", "Mixture of depths.", later, "leave it out"},
    {"moe_aux_loss_coef", number, "", ">= 0", "Loss that balances experts.", later,
     "leave it out: no family with experts is there yet"},
    {"use_v1_kernels", boolean, "false", "", "LLaMA-Factory's fused kernels.", no_effect,
     "Fettle has kernels of its own"},
    {"offload_folder", text, "offload", "", "Folder for weights that do not fit.", no_effect,
     "weights are mapped from their file"},
    {"print_param_status", boolean, "false", "", "List every parameter.", no_effect,
     "fettle inspect MODEL --tensors lists them"},
    {"train_from_scratch", boolean, "false", "", "Random weights.", later,
     "start from a small trained model"},
    {"infer_backend", text, "huggingface", "huggingface | vllm | sglang", "Engine of chat.", no_effect,
     "Fettle generates with its own forward"},
    {"infer_dtype", text, "auto", "auto | float16 | bfloat16 | float32",
     "Compute type of chat: float32, or bfloat16. Type of the weights that fettle export writes in a "
     "folder."},
    {"use_kv_cache", boolean, "true", "", "Cache of keys and values.", no_effect,
     "generation always has one"},
};
}  // namespace

std::span<const OptionRow> model_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
