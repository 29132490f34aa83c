// The parts of a tokenizer.json and of the files beside it. All throw Error with file and key for what they
// do not know.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "token/added_tokens.h"
#include "token/json_node.h"
#include "token/text_rules.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

/// The "type" of a step of the pipeline.
const std::string& type_of(const JsonNode& node);
[[noreturn]] void fail_type(const JsonNode& node, std::string_view known);
/// The steps of a Sequence (under the key `list`), or the one step that stands for itself.
std::vector<JsonNode> steps_of(const JsonNode& node, std::string_view list);

/// Byte-level vocabularies: normalizer, pre-tokenizer and decoder.
std::unique_ptr<const TextRules> read_byte_level_rules(const JsonNode& root);
/// Two parts of them: whether the text is normalised to NFC first, and what cuts it.
bool read_normalizer(const JsonNode& root);
const PretokenizerRow& read_pretokenizer(const JsonNode& root);

/// Whether the decoder turns marks into spaces, as SentencePiece's vocabularies have it.
bool has_space_marks(const JsonNode& root);
/// Normalizer, pre-tokenizer and decoder of such a vocabulary.
SpaceMarking read_space_marking(const JsonNode& root);

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
