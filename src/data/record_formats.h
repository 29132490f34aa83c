// The converters behind record_formats(), one file each.
#pragma once

#include "data/registry.h"

namespace fettle {

/// instruction, input, output, with history, system and tools where the entry names such columns. A record
/// fits when its values have the right types and it has one of the prompt columns; without a response it is
/// unsupervised.
std::optional<Sample> convert_alpaca(const nlohmann::json& record, const DatasetEntry& entry,
                                     std::string& reason);

}  // namespace fettle
