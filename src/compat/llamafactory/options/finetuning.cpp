#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"stage", text, "sft", "pt | sft | rm | ppo | dpo | kto",
     "sft: conversations; pt: plain text. The others come later."},
    {"finetuning_type", text, "lora", "lora | full | freeze | oft", "lora; the others come later."},
    {"lora_rank", integer, "8", "> 0", "Rank of the update."},
    {"lora_alpha", integer, "", ">= 0", "Scale of the update is alpha / rank; unset or 0: 2 × rank."},
    {"lora_dropout", number, "0", "0 … 0.99", "Dropout of the update's input."},
    {"lora_target", list, "all", "", "Linear modules by name (q_proj, …), or all."},
    {"use_rslora", boolean, "false", "", "Scale alpha / sqrt(rank)."},
    {"create_new_adapter", boolean, "false", "",
     "Keep the given adapters as they are and train a new one on them."},
    {"base_model_name_or_path", text, "", "",
     "Fettle's own: what adapter_config.json calls the base, a hub id that PEFT and vLLM load. Unset: what a "
     "GGUF file says it was made from, else model_name_or_path."},
    {"additional_target", list, "", "", "Modules trained in full.", later, "leave it out"},
    {"loraplus_lr_ratio", number, "", "> 0", "Learning-rate ratio of B to A.", later, "leave it out"},
    {"use_dora", boolean, "false", "", "DoRA.", later, "use_rslora, or a higher lora_rank"},
    {"pissa_init", boolean, "false", "", "PiSSA's start.", later, "leave it out"},
    {"pure_bf16", boolean, "false", "", "Adapters in bf16.", refused,
     "adapters stay in fp32, which costs little and loses nothing; use bf16: true"},
    {"loraplus_lr_embedding", number, "1e-6", ">= 0", "LoRA+ for embeddings.", no_effect,
     "belongs to loraplus_lr_ratio"},
    {"pissa_iter", integer, "16", "", "Iterations of PiSSA's decomposition.", no_effect,
     "belongs to pissa_init"},
    {"pissa_convert", boolean, "false", "", "Turn the result into plain LoRA.", no_effect,
     "belongs to pissa_init"},
    {"oft_rank", integer, "0", ">= 0", "Blocks of OFT.", no_effect, "belongs to finetuning_type: oft"},
    {"oft_block_size", integer, "32", ">= 0", "Block size of OFT.", no_effect,
     "belongs to finetuning_type: oft"},
    {"oft_target", list, "all", "", "Modules of OFT.", no_effect, "belongs to finetuning_type: oft"},
    {"module_dropout", number, "0", "0 … 1", "Dropout of OFT's blocks.", no_effect,
     "belongs to finetuning_type: oft"},
    {"freeze_vision_tower", boolean, "true", "", "Vision models.", no_effect, "there is no vision yet"},
    {"freeze_multi_modal_projector", boolean, "true", "", "Vision models.", no_effect,
     "there is no vision yet"},
    {"freeze_language_model", boolean, "false", "", "Vision models.", no_effect, "there is no vision yet"},
    {"freeze_trainable_layers", integer, "2", "", "Layers of freeze tuning.", no_effect,
     "belongs to finetuning_type: freeze"},
    {"freeze_trainable_modules", list, "all", "", "Modules of freeze tuning.", no_effect,
     "belongs to finetuning_type: freeze"},
    {"freeze_extra_modules", list, "", "", "More modules of freeze tuning.", no_effect,
     "belongs to finetuning_type: freeze"},
    {"use_llama_pro", boolean, "false", "", "Expanded blocks.", later, "lora"},
    {"use_dft_loss", boolean, "false", "", "Loss weighted by probability.", later, "leave it out"},
    {"use_asft_loss", boolean, "false", "", "DFT with a pull towards the reference.", later, "leave it out"},
    {"asft_alpha", number, "0.1", ">= 0", "Strength of the pull.", no_effect, "belongs to use_asft_loss"},
    {"use_eaft_loss", boolean, "false", "", "Loss weighted by entropy.", later, "leave it out"},
    {"eaft_alpha", number, "1", ">= 0", "Exponent of the weight.", no_effect, "belongs to use_eaft_loss"},
    {"neftune_noise_alpha", number, "", ">= 0", "NEFTune's noise.", later, "leave it out"},
    {"compute_accuracy", boolean, "false", "", "Accuracy in evaluation.", later,
     "eval_loss tells the same, finer"},
    {"plot_loss", boolean, "true", "", "Draw training_loss.png (LLaMA-Factory: only where asked)."},
    {"disable_shuffling", boolean, "false", "", "Train in the order of the data."},
    {"include_effective_tokens_per_second", boolean, "false", "", "Tokens/s in the results.", no_effect,
     "always there"},
};
}  // namespace

std::span<const OptionRow> finetuning_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
