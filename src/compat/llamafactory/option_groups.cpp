#include <array>

#include "compat/llamafactory/front.h"
#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

std::span<const OptionGroup> option_groups() {
  static const std::array groups = {
      OptionGroup{"Model", model_options()},
      OptionGroup{"Data", data_options()},
      OptionGroup{"Fine-tuning", finetuning_options()},
      OptionGroup{"Training", training_options()},
      OptionGroup{"Generation", generation_options()},
      OptionGroup{"Trackers and uploads", tracking_options()},
      OptionGroup{"Other optimizers", optimizer_options()},
      OptionGroup{"Preference and reward", preference_options()},
      OptionGroup{"Images, video and sound", media_options()},
      OptionGroup{"Export", export_options()},
      OptionGroup{"Other engines", engine_options()},
      OptionGroup{"Machines", machine_options()},
  };
  return groups;
}

}  // namespace fettle::llamafactory
