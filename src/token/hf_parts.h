// The parts of a tokenizer.json and of the files beside it. All throw Error with file and key for what they
// do not know.
#pragma once

#include <optional>
#include <vector>

#include "token/added_tokens.h"
#include "token/json_node.h"
#include "token/pretokenizer.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

/// Whether the text is normalised to NFC first (the only normalizer that is understood).
bool read_normalizer(const JsonNode& root);
const PretokenizerRow& read_pretokenizer(const JsonNode& root);
void check_decoder(const JsonNode& root);

/// What the post-processor puts around a text; -1 where nothing.
struct HfTemplate {
  int32_t before = -1, behind = -1;
};
HfTemplate read_post_processor(const JsonNode& root);

/// tokenizer.json's added_tokens and the tokens of tokenizer_config.json's added_tokens_decoder that it
/// lacks.
std::vector<AddedToken> read_added_tokens(const JsonNode& root, const std::optional<JsonNode>& config);

/// Special ids and flags; `map` is special_tokens_map.json, asked for names that the config leaves out.
SpecialIds read_special_ids(const std::optional<JsonNode>& config, const std::optional<JsonNode>& map,
                            const HfTemplate& around, const Vocabulary& vocabulary);

}  // namespace fettle
