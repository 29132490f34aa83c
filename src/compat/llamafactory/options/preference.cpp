#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"pref_beta", number, "0.1", "> 0", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"pref_ftx", number, "0", ">= 0", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"pref_bco_weight", number, "0", ">= 0", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"pref_loss", text, "sigmoid", "sigmoid | hinge | ipo | kto_pair | orpo | simpo", "Preference losses.",
     no_effect, "belongs to stage: dpo"},
    {"dpo_label_smoothing", number, "0", "0 … 0.5", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"simpo_gamma", number, "0.5", "", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"ld_alpha", number, "", "", "Preference losses.", no_effect, "belongs to stage: dpo"},
    {"kto_chosen_weight", number, "1", ">= 0", "KTO.", no_effect, "belongs to stage: kto"},
    {"kto_rejected_weight", number, "1", ">= 0", "KTO.", no_effect, "belongs to stage: kto"},
    {"ref_model", text, "", "", "Reference model.", no_effect, "belongs to stages dpo, kto and ppo"},
    {"ref_model_adapters", list, "", "", "Reference model.", no_effect, "belongs to stages dpo, kto and ppo"},
    {"ref_model_quantization_bit", integer, "", "4 | 8", "Reference model.", no_effect,
     "belongs to stages dpo, kto and ppo"},
    {"ppo_buffer_size", integer, "1", "> 0", "PPO.", no_effect, "belongs to stage: ppo"},
    {"ppo_epochs", integer, "4", "> 0", "PPO.", no_effect, "belongs to stage: ppo"},
    {"ppo_score_norm", boolean, "false", "", "PPO.", no_effect, "belongs to stage: ppo"},
    {"ppo_target", number, "6", "> 0", "PPO.", no_effect, "belongs to stage: ppo"},
    {"ppo_whiten_rewards", boolean, "false", "", "PPO.", no_effect, "belongs to stage: ppo"},
    {"reward_model", text, "", "", "Reward model.", no_effect, "belongs to stage: ppo"},
    {"reward_model_adapters", list, "", "", "Reward model.", no_effect, "belongs to stage: ppo"},
    {"reward_model_quantization_bit", integer, "", "4 | 8", "Reward model.", no_effect,
     "belongs to stage: ppo"},
    {"reward_model_type", text, "lora", "lora | full | api", "Reward model.", no_effect,
     "belongs to stage: ppo"},
};
}  // namespace

std::span<const OptionRow> preference_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
