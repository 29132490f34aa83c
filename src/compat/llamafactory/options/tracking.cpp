#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"report_to", list, "none", "", "Trackers: none. The log is trainer_log.jsonl; tensorboard comes later."},
    {"run_name", text, "", "", "Name in trackers.", no_effect, "no tracker is used"},
    {"logging_dir", text, "", "", "Folder of tracker files.", no_effect, "no tracker is used"},
    {"project", text, "", "", "Project in trackers.", no_effect, "no tracker is used"},
    {"trackio_space_id", text, "", "", "Trackio.", no_effect, "no tracker is used"},
    {"use_swanlab", boolean, "false", "", "SwanLab tracking.", refused,
     "nothing leaves this machine; trainer_log.jsonl can be imported"},
    {"swanlab_project", text, "llamafactory", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_workspace", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_run_name", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_mode", text, "cloud", "cloud | local", "SwanLab tracking.", no_effect,
     "belongs to use_swanlab"},
    {"swanlab_api_key", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_logdir", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_lark_webhook_url", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"swanlab_lark_secret", text, "", "", "SwanLab tracking.", no_effect, "belongs to use_swanlab"},
    {"push_to_hub", boolean, "false", "", "Upload the result.", refused,
     "nothing leaves this machine; upload output_dir yourself"},
    {"hub_model_id", text, "", "", "Upload.", no_effect, "belongs to push_to_hub"},
    {"hub_strategy", text, "every_save", "end | every_save | checkpoint | all_checkpoints", "Upload.",
     no_effect, "belongs to push_to_hub"},
    {"hub_token", text, "", "", "Upload.", no_effect, "belongs to push_to_hub"},
    {"hub_private_repo", boolean, "", "", "Upload.", no_effect, "belongs to push_to_hub"},
    {"hub_always_push", boolean, "false", "", "Upload.", no_effect, "belongs to push_to_hub"},
    {"hub_revision", text, "", "", "Upload.", no_effect, "belongs to push_to_hub"},
};
}  // namespace

std::span<const OptionRow> tracking_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
