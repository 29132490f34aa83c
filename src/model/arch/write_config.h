// Hyper-parameters written down again: a config.json, or a GGUF file's keys. What a family adds of its own is
// in its row.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "model/arch/family.h"

namespace fettle {

class GgufMetadata;

/// config.json for these hyper-parameters, without what the tokenizer or the weights say (ids of special
/// tokens, dtype). Error where `hp` holds what config.json has no words for: divisors of the rotary
/// frequencies that are not Llama 3's formula.
nlohmann::json config_json(const FamilyRow& family, const HyperParams& hp);

/// general.architecture and its keys.
void set_gguf_keys(const FamilyRow& family, const HyperParams& hp, GgufMetadata& metadata);

}  // namespace fettle
