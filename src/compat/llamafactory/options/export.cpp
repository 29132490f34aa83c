#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"export_dir", text, "", "", "Export.", no_effect, "belongs to fettle export, which is not there yet"},
    {"export_size", integer, "5", "> 0", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_device", text, "cpu", "cpu | auto", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_quantization_bit", integer, "", "2 | 3 | 4 | 8", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_quantization_dataset", text, "", "", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_quantization_nsamples", integer, "128", "> 0", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_quantization_maxlen", integer, "1024", "> 0", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_legacy_format", boolean, "false", "", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
    {"export_hub_model_id", text, "", "", "Export.", no_effect,
     "belongs to fettle export, which is not there yet"},
};
}  // namespace

std::span<const OptionRow> export_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
