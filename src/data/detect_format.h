// A dataset named by its path: what its records are, told from the first of them.
#pragma once

#include <filesystem>
#include <string>

#include "base/listener.h"
#include "data/registry.h"

namespace fettle {

/// The entry of a file or folder that no registry describes, called `name`. From the first records it is told
/// as, in this order: a conversation (a list of messages with from/value or role/content, under any column
/// and the usual words for roles; tool_calls or tools as JSON make it openai's), instructions with answers
/// (under the usual names of columns), or texts to pre-train on. What was told is said. Throws Error naming
/// the columns found when it is none of these, and by name for preference data, images, video and sound.
DatasetEntry detect_dataset(const std::string& name, const std::filesystem::path& file, Listener& listener);

}  // namespace fettle
