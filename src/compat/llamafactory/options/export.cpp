#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"export_dir", text, "", "", "Folder for the merged model of fettle export."},
    {"export_format", text, "hf", "hf | gguf-f32 | gguf-f16 | gguf-bf16 | gguf-q8_0",
     "Fettle's own key: a Hugging Face folder, or one GGUF file with weights of that type."},
    {"export_size", integer, "5", "> 0", "Largest size of a safetensors file in GB (10⁹ bytes)."},
    {"export_device", text, "cpu", "cpu | auto", "Device to merge on.", no_effect, "there is one device"},
    {"export_quantization_bit", integer, "", "2 | 3 | 4 | 8", "GPTQ on export.", later,
     "export_format: gguf-q8_0 quantises to 8 bits without a dataset"},
    {"export_quantization_dataset", text, "", "", "Calibration data of GPTQ.", no_effect,
     "belongs to export_quantization_bit"},
    {"export_quantization_nsamples", integer, "128", "> 0", "Calibration samples of GPTQ.", no_effect,
     "belongs to export_quantization_bit"},
    {"export_quantization_maxlen", integer, "1024", "> 0", "Tokens of a calibration sample.", no_effect,
     "belongs to export_quantization_bit"},
    {"export_legacy_format", boolean, "false", "",
     "Pickled .bin files instead of safetensors: true is refused, they can run code when they are read."},
    {"export_hub_model_id", text, "", "", "Upload to a hub.", later,
     "export to a folder, then upload it with the hub's own program"},
};
}  // namespace

std::span<const OptionRow> export_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
