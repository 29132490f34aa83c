// The roles that dataset_info.json names, and where an entry keeps what it says of them.
#pragma once

#include <string>
#include <string_view>

#include "data/registry.h"

namespace fettle {

inline constexpr std::string_view kNoPreference = "preference data comes in a later version";
inline constexpr std::string_view kNoMedia = "images, video and sound come in a later version";

/// The roles of `columns`: where a role's column name is kept.
struct ColumnRule {
  std::string_view name;
  std::string DatasetEntry::*column;  // null: not used by this version
  std::string_view refused = "";
};

inline constexpr ColumnRule kColumns[] = {
    {"prompt", &DatasetEntry::prompt},
    {"query", &DatasetEntry::query},
    {"response", &DatasetEntry::response},
    {"history", &DatasetEntry::history},
    {"system", &DatasetEntry::system},
    {"tools", &DatasetEntry::tools},
    {"messages", &DatasetEntry::messages},
    {"chosen", nullptr},  // read only with `ranking`, which is refused by name
    {"rejected", nullptr},
    {"kto_tag", nullptr, kNoPreference},
    {"images", nullptr, kNoMedia},
    {"videos", nullptr, kNoMedia},
    {"audios", nullptr, kNoMedia},
};

/// The roles of `tags`: where a role's word is kept.
struct TagRule {
  std::string_view name;
  std::string MessageTags::*word;
};

inline constexpr TagRule kTags[] = {
    {"role_tag", &MessageTags::role},
    {"content_tag", &MessageTags::content},
    {"user_tag", &MessageTags::user},
    {"assistant_tag", &MessageTags::assistant},
    {"observation_tag", &MessageTags::observation},
    {"function_tag", &MessageTags::function},
    {"system_tag", &MessageTags::system},
};

}  // namespace fettle
