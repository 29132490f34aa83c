#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"report_to", list, "none", "",
     "none, or tensorboard: event files. Other trackers import those; the log is trainer_log.jsonl either "
     "way."},
    {"logging_dir", text, "", "", "Folder of the event files; unset: output_dir/runs/<date>_<host>."},
    {"run_name", text, "", "", "Name in trackers.", no_effect, "event files are named by their folder"},
    {"project", text, "", "", "Project in trackers.", no_effect, "event files are named by their folder"},
    {"trackio_space_id", text, "", "", "Trackio.", no_effect, "nothing leaves this machine"},
    {"use_swanlab", boolean, "false", "", "SwanLab tracking.", refused,
     "nothing leaves this machine; set report_to: tensorboard, then `swanlab convert -t tensorboard` takes "
     "the "
     "event files"},
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
