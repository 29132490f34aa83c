#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"niceness", integer, "10", "0 … 19",
     "Fettle's own: how far training steps back for other programs (nice); 0: not at all."},
    {"threads", integer, "", "> 0",
     "Fettle's own: threads; unset: every core this process may use, as its container allows."},
    {"memory_limit", text, "", "",
     "Fettle's own: memory this run may take, as 6GiB or 6000MB; unset: what is available."},
    {"recompute", text, "auto", "auto | none | mlp | block",
     "Fettle's own: what the backward computes again instead of keeping it; auto: as little as fits."},
    {"check_model", boolean, "true", "",
     "Fettle's own: a first loss near chance stops the run when the base does not read plain text (fettle "
     "check)."},
    {"use_cpu", boolean, "true", "", "Compute on the CPU.", no_effect, "always"},
    {"ddp_timeout", integer, "1800", "> 0", "Patience between processes.", no_effect, "one process trains"},
    {"ddp_find_unused_parameters", boolean, "", "", "Several processes.", no_effect, "one process trains"},
    {"local_rank", integer, "-1", "", "Several processes.", no_effect, "one process trains"},
    {"deepspeed", text, "", "", "DeepSpeed's config.", later,
     "leave it out: one process trains; many machines come later"},
    {"fsdp", text, "", "", "Sharding.", later, "leave it out: one process trains; many machines come later"},
    {"fsdp_config", text, "", "", "Sharding.", no_effect, "belongs to fsdp"},
    {"ray_num_workers", integer, "1", "> 0", "Ray workers.", later, "leave it out"},
    {"torch_compile", boolean, "false", "", "Compile the model.", no_effect, "it is compiled"},
    {"fp8", boolean, "false", "", "FP8 on a GPU.", refused, "CPUs do not multiply FP8; use bf16: true"},
    {"disable_tqdm", boolean, "", "", "No progress bar.", no_effect, "without a terminal there is none"},
    {"log_level", text, "passive", "", "Verbosity.", no_effect, "everything that matters is said once"},
    {"ddp_backend", text, "", "", "Several processes.", no_effect, "one process trains"},
    {"ddp_bucket_cap_mb", integer, "", "", "Several processes.", no_effect, "one process trains"},
    {"ddp_broadcast_buffers", boolean, "", "", "Several processes.", no_effect, "one process trains"},
    {"accelerator_config", text, "", "", "Several processes.", no_effect, "one process trains"},
    {"parallelism_config", text, "", "", "Several processes.", no_effect, "one process trains"},
    {"log_on_each_node", boolean, "true", "", "Several processes.", no_effect, "one process trains"},
    {"log_level_replica", text, "warning", "", "Several processes.", no_effect, "one process trains"},
    {"master_addr", text, "", "", "Several processes.", no_effect, "one process trains"},
    {"master_port", text, "", "", "Several processes.", no_effect, "one process trains"},
    {"ray_init_kwargs", text, "", "", "Ray.", no_effect, "belongs to ray_num_workers"},
    {"use_mca", boolean, "false", "", "Megatron-Core.", later,
     "leave it out: one process trains; many machines come later"},
    {"use_megatron_bridge", boolean, "false", "", "Megatron-Bridge.", later,
     "leave it out: one process trains; many machines come later"},
    {"use_hyper_parallel", boolean, "false", "", "HyperParallel.", later,
     "leave it out: one process trains; many machines come later"},
    {"hyper_parallel_args", text, "", "", "HyperParallel.", no_effect, "belongs to use_hyper_parallel"},
    {"hyper_parallel_cp_size", integer, "1", "> 0", "HyperParallel.", no_effect,
     "belongs to use_hyper_parallel"},
    {"fp8_backend", text, "auto", "", "FP8 on a GPU.", no_effect, "belongs to fp8"},
    {"fp8_enable_fsdp_float8_all_gather", boolean, "false", "", "FP8 on a GPU.", no_effect, "belongs to fp8"},
    {"gradient_checkpointing_kwargs", text, "", "", "Arguments of torch's checkpointing.", no_effect,
     "there is no torch here"},
    {"torch_compile_backend", text, "", "", "Compile the model.", no_effect, "it is compiled"},
    {"torch_compile_mode", text, "", "", "Compile the model.", no_effect, "it is compiled"},
    {"use_liger_kernel", boolean, "false", "", "Liger's GPU kernels.", no_effect,
     "head and loss are always fused here"},
    {"torch_empty_cache_steps", integer, "", "", "Empty a GPU cache.", no_effect, "there is no GPU"},
    {"dataloader_persistent_workers", boolean, "false", "", "Loader processes.", no_effect,
     "batches are cut from memory"},
    {"dataloader_prefetch_factor", integer, "", "", "Loader processes.", no_effect,
     "batches are cut from memory"},
    {"enable_torch_profiler", boolean, "false", "", "torch's profiler.", no_effect,
     "there is no torch here; use perf"},
    {"profiler_output_dir", text, "", "", "torch's profiler.", no_effect, "belongs to enable_torch_profiler"},
    {"profiler_wait_steps", integer, "1", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profiler_warmup_steps", integer, "1", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profiler_active_steps", integer, "1", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profiler_repeat", integer, "1", "", "torch's profiler.", no_effect, "belongs to enable_torch_profiler"},
    {"profiler_record_shapes", boolean, "true", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profiler_profile_memory", boolean, "true", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profiler_with_stack", boolean, "true", "", "torch's profiler.", no_effect,
     "belongs to enable_torch_profiler"},
    {"profile_modules", list, "", "", "torch's profiler.", no_effect, "belongs to enable_torch_profiler"},
};
}  // namespace

std::span<const OptionRow> machine_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
