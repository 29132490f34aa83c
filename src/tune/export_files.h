// The files of an exported folder beside the weights.
#pragma once

#include <filesystem>

#include "base/dtype.h"
#include "format/gguf_writer.h"
#include "model/model.h"

namespace fettle {

/// config.json, generation_config.json and the tokenizer's files. Of a Hugging Face base they are copied,
/// with the dtype of the weights in config.json; of a GGUF they are written from its metadata. `stop_ids` end
/// an answer.
void write_hf_companions(const Model& base, DType type, std::span<const int32_t> stop_ids,
                         const std::filesystem::path& folder);

/// The metadata of a GGUF with weights mostly in `type`: a GGUF base's own as it stands, else written from
/// config and tokenizer files. `name` is general.name where the base has none.
GgufMetadata merged_metadata(const Model& base, DType type, const std::string& name);

}  // namespace fettle
