// Added and special tokens: tokenizer.json's list, and what tokenizer_config.json and special_tokens_map.json
// say of them.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "base/error.h"
#include "token/hf_parts.h"

namespace fettle {

namespace {
AddedToken read_added_token(const JsonNode& node, int64_t id) {
  if (id < 0 || id > INT32_MAX) node.fail(fmt::format("{} is no token id", id));
  const bool special = node.flag_or("special", false);
  return {.content = node.at("content").text(),
          .id = int32_t(id),
          .special = special,
          .normalized = node.flag_or("normalized", !special),
          .single_word = node.flag_or("single_word", false),
          .lstrip = node.flag_or("lstrip", false),
          .rstrip = node.flag_or("rstrip", false)};
}

// Tokens in the order they come, each once.
class AddedTokens {
 public:
  // Adds the token unless it is there: the same content under another id is an error, and so is the reverse.
  void add(AddedToken token, const JsonNode& node) {
    if (token.content.empty()) return;
    const auto [by_id, new_id] = by_id_.emplace(token.id, list.size());
    const auto [by_content, new_content] = by_content_.emplace(token.content, list.size());
    if (by_id->second != by_content->second) {
      const AddedToken& other = list[std::min(by_id->second, by_content->second)];
      node.fail(fmt::format("token {} is \"{}\", but token {} is \"{}\"", token.id, token.content, other.id,
                            other.content));
    }
    if (new_id && new_content) list.push_back(std::move(token));
  }
  std::vector<AddedToken> list;

 private:
  std::unordered_map<int32_t, size_t> by_id_;  // places in the list
  std::unordered_map<std::string, size_t> by_content_;
};

int64_t id_of_key(const JsonNode& decoder, const std::string& key) {
  int64_t id = -1;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
  if (error != std::errc() || end != key.data() + key.size())
    decoder.fail(fmt::format("\"{}\" is no token id", key));
  return id;
}

// A name like bos_token: a string, or an object with a content.
std::optional<JsonNode> named_token(const JsonNode& file, std::string_view name) {
  const auto node = file.find(name);
  if (!node || node->is_text()) return node;
  return node->at("content");
}

int32_t special_id(std::string_view name, const std::optional<JsonNode>& config,
                   const std::optional<JsonNode>& map, const Vocabulary& vocabulary) {
  std::optional<JsonNode> token;
  if (config && config->object().contains(name)) {
    token = named_token(*config, name);
  } else if (map) {
    token = named_token(*map, name);
  }
  if (!token) return -1;
  const auto id = vocabulary.id_of(token->text());
  if (!id) token->fail(fmt::format("\"{}\" is not in the vocabulary", token->text()));
  return *id;
}

// add_bos_token or add_eos_token where the config says it, else what the template does.
bool adds(std::string_view key, std::string_view token_name, const std::optional<JsonNode>& config,
          int32_t in_template, int32_t& id, const Vocabulary& vocabulary) {
  const auto stated = config ? config->find(key) : std::nullopt;
  const bool added = stated ? stated->flag() : in_template >= 0;
  if (!stated && added) {
    if (in_template >= vocabulary.size() || (id >= 0 && id != in_template)) {
      throw Error({.what = fmt::format("post_processor adds token {}, but {} is token {}", in_template,
                                       token_name, id),
                   .where = vocabulary.where()});
    }
    id = in_template;
  }
  if (added && id < 0) stated->fail(fmt::format("true, but there is no {}", token_name));
  return added;
}
}  // namespace

std::vector<AddedToken> read_added_tokens(const JsonNode& root, const std::optional<JsonNode>& config) {
  AddedTokens tokens;
  if (const auto list = root.find("added_tokens")) {
    for (size_t i = 0; i < list->length(); ++i) {
      const JsonNode node = list->item(i);
      tokens.add(read_added_token(node, node.at("id").integer()), node);
    }
  }
  const auto decoder = config ? config->find("added_tokens_decoder") : std::nullopt;
  if (!decoder) return std::move(tokens.list);
  for (const auto& [key, value] : decoder->object()) {
    const JsonNode node = decoder->at(key);
    tokens.add(read_added_token(node, id_of_key(*decoder, key)), node);
  }
  return std::move(tokens.list);
}

SpecialIds read_special_ids(const std::optional<JsonNode>& config, const std::optional<JsonNode>& map,
                            const HfTemplate& around, const Vocabulary& vocabulary) {
  SpecialIds ids{.bos = special_id("bos_token", config, map, vocabulary),
                 .eos = special_id("eos_token", config, map, vocabulary),
                 .pad = special_id("pad_token", config, map, vocabulary),
                 .unk = special_id("unk_token", config, map, vocabulary)};
  ids.add_bos = adds("add_bos_token", "bos_token", config, around.before, ids.bos, vocabulary);
  ids.add_eos = adds("add_eos_token", "eos_token", config, around.behind, ids.eos, vocabulary);
  return ids;
}

}  // namespace fettle
