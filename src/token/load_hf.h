// A tokenizer from the texts of a Hugging Face folder's files.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "token/tokenizer.h"

namespace fettle {

/// The files as read; `folder` stands before their names in errors.
struct HfTokenizerFiles {
  std::string folder;
  std::string tokenizer;                                  // tokenizer.json
  std::optional<std::string> config, special_tokens_map;  // tokenizer_config.json, special_tokens_map.json
};

/// Throws Error with file and key for anything that is broken or not understood.
std::shared_ptr<const Tokenizer> parse_hf_tokenizer(const HfTokenizerFiles& files);

}  // namespace fettle
