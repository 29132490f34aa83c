// The converters behind record_formats(), one file each, and what they share.
#pragma once

#include "data/registry.h"

namespace fettle {

/// instruction, input, output, with history, system and tools where the entry names such columns. A record
/// fits when its values have the right types and it has one of the prompt columns; without a response it is
/// unsupervised.
std::optional<Sample> convert_alpaca(const Record& record, const DatasetEntry& entry, std::string& reason);

/// A list of messages under the entry's tags: an optional system turn, then user or observation and assistant
/// or function call in turn, ending with the latter.
std::optional<Sample> convert_sharegpt(const Record& record, const DatasetEntry& entry, std::string& reason);

/// The same with OpenAI's tool_calls and neighbouring tool results, and LLaMA-Factory's "detailed thinking
/// off" behind the system text of conversations without tools.
std::optional<Sample> convert_openai(const Record& record, const DatasetEntry& entry, std::string& reason);

/// Why a record that is no object does not fit; "" when it is one.
std::string not_an_object(const Record& record);

/// `it has no "x" (its columns: a, b)`.
std::string has_no_column(const Record& record, std::string_view column);

/// The text of a column; "" when the entry does not use it, or the record has none or null. False: it is not
/// text, as `reason` then says.
bool read_text_column(const Record& record, const std::string& column, std::string& out, std::string& reason);

}  // namespace fettle
