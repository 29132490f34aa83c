#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"do_train", boolean, "false", "",
     "Train. With none of do_train, do_eval and do_predict Fettle trains, and says so."},
    {"do_eval", boolean, "false", "", "Evaluate.", later, "train, then chat with the result"},
    {"do_predict", boolean, "false", "", "Predict.", later,
     "fettle chat with one prompt from standard input"},
    {"predict_with_generate", boolean, "false", "", "Predict by generating.", later,
     "fettle chat with one prompt from standard input"},
    {"output_dir", text, "", "", "Where adapter, log, checkpoints and plot go. Unset: saves/<model>/lora."},
    {"overwrite_output_dir", boolean, "false", "", "Start afresh where a finished run lies."},
    {"resume_from_checkpoint", text, "", "",
     "A checkpoint folder, or true: the newest in output_dir (found by itself too)."},
    {"per_device_train_batch_size", integer, "8", "> 0",
     "Samples of a micro-batch; they share one row without padding."},
    {"gradient_accumulation_steps", integer, "1", "> 0",
     "Micro-batches of a step; the loss is per trained token of the step."},
    {"num_train_epochs", number, "3", "> 0", "Passes over the data."},
    {"max_steps", integer, "-1", "", "Steps; above 0 it wins over num_train_epochs."},
    {"learning_rate", number, "5e-5", ">= 0", "Peak learning rate."},
    {"lr_scheduler_type", text, "linear",
     "linear | cosine | constant | constant_with_warmup | cosine_with_restarts | polynomial | inverse_sqrt | "
     "cosine_with_min_lr | "
     "warmup_stable_decay | reduce_lr_on_plateau",
     "linear, cosine, constant or constant_with_warmup; the others come later."},
    {"warmup_ratio", number, "0", "0 … 1", "Share of the steps the rate rises over."},
    {"warmup_steps", integer, "0", ">= 0", "Steps the rate rises over; wins over warmup_ratio."},
    {"optim", text, "adamw_torch", "",
     "adamw_torch (also spelt adamw_torch_fused, adamw_hf); the others come later."},
    {"weight_decay", number, "0", ">= 0", "Decoupled decay of adapter weights."},
    {"adam_beta1", number, "0.9", "0 … 1", "Decay of the first moment."},
    {"adam_beta2", number, "0.999", "0 … 1", "Decay of the second moment."},
    {"adam_epsilon", number, "1e-8", ">= 0", "Added to the denominator."},
    {"max_grad_norm", number, "1", ">= 0", "Clip the gradient's norm; 0: never."},
    {"bf16", boolean, "", "",
     "Compute in bf16 with fp32 sums. Unset: where the CPU multiplies bf16, as fettle env says."},
    {"fp32", boolean, "", "", "Compute in fp32."},
    {"fp16", boolean, "false", "", "Compute in fp16.", refused, "CPUs do not multiply fp16; use bf16: true"},
    {"tf32", boolean, "", "", "A GPU's TF32.", no_effect, "there is no GPU"},
    {"logging_strategy", text, "steps", "steps | no | epoch", "When to log: steps, or no."},
    {"logging_steps", integer, "500", "> 0", "Log the mean loss every so many steps."},
    {"logging_first_step", boolean, "false", "", "Log step 1 too.", no_effect,
     "the progress line shows every step"},
    {"save_strategy", text, "steps", "steps | no | epoch | best",
     "When to save a checkpoint: steps, epoch or no."},
    {"save_steps", integer, "500", "> 0",
     "A checkpoint every so many steps; the whole run, to be resumed bit-exactly."},
    {"save_total_limit", integer, "", "> 0", "Keep only the newest checkpoints."},
    {"save_only_model", boolean, "false", "", "Checkpoints without optimizer.", refused,
     "a checkpoint that cannot be resumed is no checkpoint; lower save_total_limit to save space"},
    {"save_safetensors", boolean, "true", "", "Adapters as safetensors.", no_effect, "they always are"},
    {"eval_strategy", text, "no", "no | steps | epoch", "When to evaluate.", later, "leave it at no"},
    {"evaluation_strategy", text, "no", "no | steps | epoch", "Old name of eval_strategy.", later,
     "leave it at no"},
    {"eval_steps", integer, "", "> 0", "Steps between evaluations.", no_effect, "belongs to eval_strategy"},
    {"per_device_eval_batch_size", integer, "8", "> 0", "Samples per evaluation batch.", no_effect,
     "belongs to eval_strategy"},
    {"load_best_model_at_end", boolean, "false", "", "Keep the best checkpoint.", later, "needs evaluation"},
    {"metric_for_best_model", text, "", "", "What best means.", no_effect,
     "belongs to load_best_model_at_end"},
    {"early_stopping_steps", integer, "", "> 0", "Stop when nothing improves.", later, "needs evaluation"},
    {"seed", integer, "42", ">= 0", "Seed of initialisation, order and dropout."},
    {"data_seed", integer, "", ">= 0", "A seed of its own for the order.", later, "seed serves for all"},
    {"full_determinism", boolean, "false", "", "Deterministic kernels.", no_effect, "every run is"},
    {"label_smoothing_factor", number, "0", "0 … 1", "Smoothed labels.", later, "leave it at 0"},
    {"group_by_length", boolean, "false", "", "Samples of like length together.", no_effect,
     "nothing is padded, so nothing is gained"},
    {"report_to", list, "none", "", "Trackers: none. The log is trainer_log.jsonl; tensorboard comes later."},
    {"run_name", text, "", "", "Name in trackers.", no_effect, "no tracker is used"},
    {"logging_dir", text, "", "", "Folder of tracker files.", no_effect, "no tracker is used"},
    {"include_num_input_tokens_seen", text, "", "", "Count tokens.", no_effect, "they are always counted"},
    {"remove_unused_columns", boolean, "false", "", "Drop data columns.", no_effect,
     "unused columns are told, not dropped"},
    {"push_to_hub", boolean, "false", "", "Upload the result.", refused,
     "nothing leaves this machine; upload output_dir yourself"},
};
}  // namespace

std::span<const OptionRow> training_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
