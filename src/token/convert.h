// A tokenizer from one container into the other: GGUF's metadata as a Hugging Face folder's files, and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

namespace fettle {

class GgufFile;
class GgufMetadata;

/// tokenizer.json, tokenizer_config.json (with the chat template) and special_tokens_map.json of a GGUF
/// file's tokenizer: name → text. `context` is the model's length in tokens. Error for a tokenizer that is
/// not understood.
std::map<std::string, std::string> hf_tokenizer_files(const GgufFile& file, int64_t context);

/// Sets tokenizer.ggml.* from a folder's tokenizer.json and the files beside it. A GGUF has a token for every
/// one of the embedding's `rows`: what the tokenizer lacks is filled with unused ones. Error where GGUF has
/// no words for it: a pre-tokenizer without a name there, or more tokens than rows.
void set_gguf_tokenizer(const std::filesystem::path& folder, int64_t rows, GgufMetadata& metadata);

}  // namespace fettle
