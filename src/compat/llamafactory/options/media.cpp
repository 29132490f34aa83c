#include "compat/llamafactory/options/groups.h"

namespace fettle::llamafactory {

namespace {
using enum OptionType;
using enum OptionState;

constexpr OptionRow kRows[] = {
    {"image_max_pixels", integer, "589824", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"image_min_pixels", integer, "1024", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"image_do_pan_and_scan", boolean, "false", "", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"crop_to_patches", boolean, "false", "", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"video_max_pixels", integer, "65536", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"video_min_pixels", integer, "256", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"video_fps", number, "2", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"video_maxlen", integer, "128", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"use_audio_in_video", boolean, "false", "", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
    {"audio_sampling_rate", integer, "16000", "> 0", "Images, video and sound.", no_effect,
     "there is no vision or sound yet; samples with media are refused by line"},
};
}  // namespace

std::span<const OptionRow> media_options() {
  return kRows;
}

}  // namespace fettle::llamafactory
