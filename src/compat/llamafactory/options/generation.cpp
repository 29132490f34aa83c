#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"do_sample", boolean, "true", "", "Sample; false: the likeliest token each time."},
    {"temperature", number, "0.95", ">= 0", "Below 1 sharper, above 1 flatter; 0: the likeliest token."},
    {"top_p", number, "0.7", "0 … 1", "Only the likeliest tokens that make up this share."},
    {"top_k", integer, "50", ">= 0", "Only so many of the likeliest tokens; 0: all."},
    {"max_new_tokens", integer, "1024", "> 0", "Longest answer, in tokens."},
    {"max_length", integer, "1024", "> 0", "Longest conversation.", no_effect, "max_new_tokens rules"},
    {"repetition_penalty", number, "1", "> 0", "Above 1: tokens that were seen become less likely."},
    {"num_beams", integer, "1", "> 0", "Beam search.", later, "sample, or do_sample: false"},
    {"length_penalty", number, "1", "", "Of beam search.", no_effect, "belongs to num_beams"},
    {"skip_special_tokens", boolean, "true", "", "Leave special tokens out of the answer."},
};
}  // namespace

std::span<const OptionRow> generation_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
