#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
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
};
}  // namespace

std::span<const OptionRow> machine_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
