#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"use_galore", boolean, "false", "", "GaLore.", later, "finetuning_type: lora with adamw_torch"},
    {"galore_target", list, "all", "", "GaLore.", no_effect, "belongs to use_galore"},
    {"galore_rank", integer, "16", "> 0", "GaLore.", no_effect, "belongs to use_galore"},
    {"galore_update_interval", integer, "200", "> 0", "GaLore.", no_effect, "belongs to use_galore"},
    {"galore_scale", number, "2", "> 0", "GaLore.", no_effect, "belongs to use_galore"},
    {"galore_proj_type", text, "std", "std | reverse_std | right | left | full", "GaLore.", no_effect,
     "belongs to use_galore"},
    {"galore_layerwise", boolean, "false", "", "GaLore.", no_effect, "belongs to use_galore"},
    {"use_apollo", boolean, "false", "", "APOLLO.", later, "finetuning_type: lora with adamw_torch"},
    {"apollo_target", list, "all", "", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_rank", integer, "16", "> 0", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_update_interval", integer, "200", "> 0", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_scale", number, "32", "> 0", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_proj", text, "random", "svd | random", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_proj_type", text, "std", "std | right | left", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_scale_type", text, "channel", "channel | tensor", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_layerwise", boolean, "false", "", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"apollo_scale_front", boolean, "false", "", "APOLLO.", no_effect, "belongs to use_apollo"},
    {"use_badam", boolean, "false", "", "BAdam.", later, "finetuning_type: lora with adamw_torch"},
    {"badam_mode", text, "layer", "layer | ratio", "BAdam.", no_effect, "belongs to use_badam"},
    {"badam_start_block", integer, "", "", "BAdam.", no_effect, "belongs to use_badam"},
    {"badam_switch_mode", text, "ascending", "ascending | descending | random | fixed", "BAdam.", no_effect,
     "belongs to use_badam"},
    {"badam_switch_interval", integer, "50", "", "BAdam.", no_effect, "belongs to use_badam"},
    {"badam_update_ratio", number, "0.05", "0 … 1", "BAdam.", no_effect, "belongs to use_badam"},
    {"badam_mask_mode", text, "adjacent", "adjacent | scatter", "BAdam.", no_effect, "belongs to use_badam"},
    {"badam_verbose", integer, "0", "0 | 1 | 2", "BAdam.", no_effect, "belongs to use_badam"},
    {"use_adam_mini", boolean, "false", "", "Adam-mini.", later, "optim: adamw_torch"},
    {"use_muon", boolean, "false", "", "Muon.", later, "optim: adamw_torch"},
};
}  // namespace

std::span<const OptionRow> optimizer_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
