#include "token/load_hf.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"
#include "base/file.h"
#include "format/records.h"
#include "token/bpe_tokenizer.h"
#include "token/hf_parts.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kTokenizer = "tokenizer.json", kConfig = "tokenizer_config.json",
                           kMap = "special_tokens_map.json";

// A document that outlives the nodes into it.
struct Document {
  std::string label;
  json value;
  Document(const std::string& text, const std::string& folder, std::string_view name)
      : label(folder.empty() ? std::string(name) : (fs::path(folder) / name).string()),
        value(parse_json_document(text, label)) {}
  JsonNode root() const { return {value, label}; }
};

void check_model(const JsonNode& model, bool space_marks) {
  // Early files leave the type out.
  if (const auto type = model.find("type"); type ? type->text() != "BPE" : !model.find("merges")) {
    model.fail(fmt::format("type {} is not understood", type ? type->text() : "(none)"),
               "only BPE is understood so far");
  }
  if (const auto dropout = model.find("dropout"); dropout && !dropout->is_zero()) {
    dropout->fail("merges left out at random are not supported", "set it to null");
  }
  for (std::string_view affix : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (const std::string text = model.text_or(affix, ""); !text.empty()) {
      model.at(affix).fail(fmt::format("\"{}\" is not understood", text), "known is null");
    }
  }
  if (!space_marks && model.flag_or("byte_fallback", false)) {
    model.at("byte_fallback").fail("true is not understood", "a byte-level vocabulary has tokens for bytes");
  }
}

// Puts `form` at its id. Ids far beyond the number of tokens are damage, and would take their size in memory.
void place(const JsonNode& at, int64_t id, const std::string& form, TokenKind kind, size_t tokens,
           std::vector<std::string>& forms, std::vector<TokenKind>& kinds) {
  if (id < 0 || id >= int64_t(16 * tokens + 1024)) at.fail(fmt::format("\"{}\" has the id {}", form, id));
  if (size_t(id) >= forms.size()) {
    forms.resize(size_t(id) + 1);
    kinds.resize(size_t(id) + 1, TokenKind::unused);
  }
  std::string& here = forms[size_t(id)];
  if (!here.empty() && here != form) {
    at.fail(fmt::format("\"{}\" and \"{}\" have the same id {}", here, form, id));
  }
  here = form;
  kinds[size_t(id)] = kind;
}

// With byte tokens forms like "<0x0A>" are of the kind byte.
std::unique_ptr<const Vocabulary> read_vocabulary(const JsonNode& vocab, bool byte_tokens,
                                                  const std::vector<AddedToken>& added) {
  std::vector<std::string> forms;
  std::vector<TokenKind> kinds;
  const size_t tokens = vocab.object().size() + added.size();
  for (const auto& [form, id] : vocab.object()) {
    if (!id.is_number_integer()) vocab.at(form).fail("the id is not an integer");
    const bool is_byte = byte_tokens && byte_of_form(form) >= 0;
    place(vocab, id.get<int64_t>(), form, is_byte ? TokenKind::byte : TokenKind::normal, tokens, forms,
          kinds);
  }
  for (const AddedToken& token : added) {
    place(vocab, token.id, token.content, token.special ? TokenKind::control : TokenKind::user_defined,
          tokens, forms, kinds);
  }
  return std::make_unique<Vocabulary>(std::move(forms), std::move(kinds), vocab.file());
}

std::vector<BpeMerge> read_merges(const JsonNode& list, const Vocabulary& vocabulary) {
  std::vector<BpeMerge> merges;
  for (const json& item : list.array()) {
    const size_t rank = merges.size();
    if (const auto* text = item.get_ptr<const std::string*>()) {
      if (rank == 0 && text->starts_with("#version")) continue;
      const auto [left, right] = split_merge(*text, rank, list.key(), list.file());
      merges.push_back(resolve_merge(vocabulary, left, right, rank, list.key()));
    } else if (item.is_array() && item.size() == 2 && item[0].is_string() && item[1].is_string()) {
      merges.push_back(resolve_merge(vocabulary, *item[0].get_ptr<const std::string*>(),
                                     *item[1].get_ptr<const std::string*>(), rank, list.key()));
    } else {
      list.item(rank).fail("a merge is \"left right\" or [\"left\", \"right\"]");
    }
  }
  return merges;
}

int32_t unknown_token(const JsonNode& model, const Vocabulary& vocabulary) {
  const auto token = model.find("unk_token");
  if (!token) return -1;
  const auto id = vocabulary.id_of(token->text());
  if (!id) token->fail(fmt::format("\"{}\" is not in the vocabulary", token->text()));
  return *id;
}

std::vector<bool> tokens_of(const JsonNode& vocab, int64_t size) {
  std::vector<bool> in_model(static_cast<size_t>(size));
  for (const auto& [form, id] : vocab.object()) in_model[id.get<size_t>()] = true;
  return in_model;
}

std::unique_ptr<const TextRules> read_rules(const JsonNode& root, const std::optional<JsonNode>& config,
                                            const Vocabulary& vocabulary, const BpeTokenizerParts& parts) {
  if (parts.model.characters) {
    return std::make_unique<SpaceMarkRules>(read_space_marking(root), vocabulary, parts.in_model,
                                            parts.model.ignore_merges);
  }
  if (config && config->flag_or("add_prefix_space", false)) {
    config->at("add_prefix_space").fail("true is not supported with byte-level BPE");
  }
  return read_byte_level_rules(root);
}

std::optional<std::string> text_if_there(const fs::path& path) {
  if (!fs::exists(path)) return std::nullopt;
  return read_text(path);
}
}  // namespace

std::shared_ptr<const Tokenizer> parse_hf_tokenizer(const HfTokenizerFiles& files) {
  const Document tokenizer(files.tokenizer, files.folder, kTokenizer);
  std::optional<Document> config, map;
  if (files.config) config.emplace(*files.config, files.folder, kConfig);
  if (files.special_tokens_map) map.emplace(*files.special_tokens_map, files.folder, kMap);
  const auto config_root = config ? std::optional(config->root()) : std::nullopt;
  const auto map_root = map ? std::optional(map->root()) : std::nullopt;

  const JsonNode root = tokenizer.root(), model = root.at("model");
  const bool space_marks = has_space_marks(root);
  check_model(model, space_marks);
  const JsonNode vocab = model.at("vocab");
  const bool byte_tokens = model.flag_or("byte_fallback", false);
  BpeTokenizerParts parts;
  parts.model.characters = space_marks;
  parts.model.ignore_merges = model.flag_or("ignore_merges", false);
  parts.model.fuse_unknown = model.flag_or("fuse_unk", false);
  parts.added = read_added_tokens(root, config_root);
  auto vocabulary = read_vocabulary(vocab, byte_tokens, parts.added);
  parts.in_model = tokens_of(vocab, vocabulary->size());
  parts.model.merges = read_merges(model.at("merges"), *vocabulary);
  parts.model.unknown = unknown_token(model, *vocabulary);
  if (byte_tokens) parts.model.byte_tokens = byte_tokens_of(*vocabulary);
  auto rules = read_rules(root, config_root, *vocabulary, parts);
  parts.special = read_special_ids(config_root, map_root, read_post_processor(root), *vocabulary);
  if (parts.special.unk < 0) parts.special.unk = parts.model.unknown;
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), std::move(rules), std::move(parts));
}

std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& folder) {
  const auto tokenizer = text_if_there(folder / kTokenizer);
  if (!tokenizer) {
    throw Error({.what = fmt::format("the folder has no {}", kTokenizer),
                 .where = folder.string(),
                 .hint = "other tokenizer files (tokenizer.model, vocab.json) are not understood so far"});
  }
  return parse_hf_tokenizer({.folder = folder.string(),
                             .tokenizer = *tokenizer,
                             .config = text_if_there(folder / kConfig),
                             .special_tokens_map = text_if_there(folder / kMap)});
}

}  // namespace fettle
