#include <array>

#include "compat/llamafactory/front.h"
#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

std::span<const OptionGroup> option_groups() {
  static const std::array<OptionGroup, 6> groups = {{
      {"Model", model_options()},
      {"Data", data_options()},
      {"Fine-tuning", finetuning_options()},
      {"Training", training_options()},
      {"Machine", machine_options()},
      {"Generation", generation_options()},
  }};
  return groups;
}

}  // namespace fettle::llamafactory
