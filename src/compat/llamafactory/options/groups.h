// The groups of the option table, one file each; option_groups() lists them in the order of --help.
#pragma once

#include <span>

#include "base/options.h"

namespace fettle::llamafactory {

std::span<const OptionRow> model_options();
std::span<const OptionRow> data_options();
std::span<const OptionRow> finetuning_options();
std::span<const OptionRow> training_options();
std::span<const OptionRow> generation_options();
std::span<const OptionRow> tracking_options();
std::span<const OptionRow> optimizer_options();
std::span<const OptionRow> preference_options();
std::span<const OptionRow> media_options();
std::span<const OptionRow> export_options();
std::span<const OptionRow> engine_options();
std::span<const OptionRow> machine_options();

}  // namespace fettle::llamafactory
