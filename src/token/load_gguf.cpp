#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/gguf.h"
#include "token/bpe_tokenizer.h"
#include "token/score_merges.h"

namespace fettle {

namespace {
// By tokenizer.ggml.token_type.
constexpr TokenKind kKinds[] = {TokenKind::unused,  TokenKind::normal,       TokenKind::unknown,
                                TokenKind::control, TokenKind::user_defined, TokenKind::unused,
                                TokenKind::byte};

TokenKind kind_of(int64_t type, size_t id, bool byte_tokens, const std::string& where) {
  const int64_t most = byte_tokens ? 6 : 5;  // type 6 (byte) belongs to SentencePiece's vocabularies
  if (type >= 1 && type <= most) return kKinds[type];
  throw Error({.what = fmt::format("tokenizer.ggml.token_type[{}] is {}", id, type),
               .where = where,
               .hint = fmt::format("a {} vocabulary has types 1 to {}",
                                   byte_tokens ? "SentencePiece" : "byte-level BPE", most)});
}

std::unique_ptr<const Vocabulary> read_vocabulary(const GgufFile& file, bool byte_tokens) {
  const auto tokens = file.texts("tokenizer.ggml.tokens");
  const auto types = file.integers("tokenizer.ggml.token_type");
  if (tokens.empty()) {
    throw Error({.what = "tokenizer.ggml.tokens is missing or empty", .where = file.where()});
  }
  if (!types.empty() && types.size() != tokens.size()) {
    throw Error({.what = fmt::format("tokenizer.ggml.token_type has {} entries for {} tokens", types.size(),
                                     tokens.size()),
                 .where = file.where()});
  }
  std::vector<TokenKind> kinds(tokens.size(), TokenKind::normal);
  for (size_t id = 0; id < types.size(); ++id) kinds[id] = kind_of(types[id], id, byte_tokens, file.where());
  return std::make_unique<Vocabulary>(std::vector<std::string>(tokens.begin(), tokens.end()),
                                      std::move(kinds), file.where());
}

std::vector<BpeMerge> read_merges(const GgufFile& file, const Vocabulary& vocabulary) {
  constexpr std::string_view kKey = "tokenizer.ggml.merges";
  if (!file.has(kKey)) throw Error({.what = fmt::format("{} is missing", kKey), .where = file.where()});
  std::vector<BpeMerge> merges;
  for (const std::string& text : file.texts(kKey)) {
    const auto [left, right] = split_merge(text, merges.size(), kKey, file.where());
    merges.push_back(resolve_merge(vocabulary, left, right, merges.size(), kKey));
  }
  return merges;
}

const PretokenizerRow& read_pretokenizer(const GgufFile& file) {
  const std::string pre = file.text_or("tokenizer.ggml.pre", "default");
  if (const PretokenizerRow* row = pretokenizer_by_gguf_name(pre)) return *row;
  throw Error({.what = fmt::format("tokenizer.ggml.pre is \"{}\", a pre-tokenizer that is not known", pre),
               .where = file.where(),
               .hint = fmt::format("known are {}", pretokenizer_names())});
}

int32_t read_id(const GgufFile& file, std::string_view key, const Vocabulary& vocabulary, int32_t missing) {
  const int64_t id = file.integer_or(key, missing);
  if (id < -1 || id >= vocabulary.size()) {
    throw Error({.what = fmt::format("{} is {}, but there are {} tokens", key, id, vocabulary.size()),
                 .where = file.where()});
  }
  return int32_t(id);
}

std::vector<AddedToken> added_tokens(const Vocabulary& vocabulary) {
  std::vector<AddedToken> added;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const TokenKind kind = vocabulary.kind(id);
    const bool in_text =
        kind == TokenKind::control || kind == TokenKind::unknown || kind == TokenKind::user_defined;
    if (!in_text || vocabulary.form(id).empty()) continue;
    if (!valid_utf8(vocabulary.form(id))) {
      throw Error({.what = fmt::format("tokenizer.ggml.tokens[{}], to be found in text, is not UTF-8", id),
                   .where = vocabulary.where()});
    }
    added.push_back({.content = vocabulary.form(id), .id = id, .special = kind != TokenKind::user_defined});
  }
  return added;
}
// What a file says of its special tokens, with `defaults` for what it leaves out.
SpecialIds read_special_ids(const GgufFile& file, const Vocabulary& vocabulary, const SpecialIds& defaults) {
  return {.bos = read_id(file, "tokenizer.ggml.bos_token_id", vocabulary, defaults.bos),
          .eos = read_id(file, "tokenizer.ggml.eos_token_id", vocabulary, defaults.eos),
          .pad = read_id(file, "tokenizer.ggml.padding_token_id", vocabulary, defaults.pad),
          .unk = read_id(file, "tokenizer.ggml.unknown_token_id", vocabulary, defaults.unk),
          .add_bos = file.flag_or("tokenizer.ggml.add_bos_token", defaults.add_bos),
          .add_eos = file.flag_or("tokenizer.ggml.add_eos_token", defaults.add_eos)};
}

std::shared_ptr<const Tokenizer> load_byte_level(const GgufFile& file) {
  auto vocabulary = read_vocabulary(file, /*byte_tokens=*/false);
  const PretokenizerRow& pretokenizer = read_pretokenizer(file);
  BpeTokenizerParts parts;
  parts.model.merges = read_merges(file, *vocabulary);
  parts.model.ignore_merges = pretokenizer.ignore_merges;
  parts.added = added_tokens(*vocabulary);
  parts.special = read_special_ids(file, *vocabulary, {.add_bos = pretokenizer.add_bos});
  for (int32_t id = 0; id < vocabulary->size(); ++id) {
    parts.in_model.push_back(vocabulary->kind(id) == TokenKind::normal);
  }
  auto rules = std::make_unique<ByteLevelRules>(pretokenizer, pretokenizer.nfc);
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), std::move(rules), std::move(parts));
}

// SentencePiece: merges follow from scores, and control or byte tokens are never made by merging.
std::shared_ptr<const Tokenizer> load_sentence_piece(const GgufFile& file) {
  constexpr std::string_view kWhitespace = "tokenizer.ggml.remove_extra_whitespaces",
                             kScores = "tokenizer.ggml.scores";
  if (file.flag_or(kWhitespace, false)) {
    throw Error({.what = fmt::format("{} true is not supported", kWhitespace), .where = file.where()});
  }
  auto vocabulary = read_vocabulary(file, /*byte_tokens=*/true);
  const SpecialIds defaults{.bos = 1, .eos = 2, .unk = 0, .add_bos = true};
  BpeTokenizerParts parts;
  parts.model.characters = true;
  parts.model.byte_tokens = byte_tokens_of(*vocabulary);
  parts.added = added_tokens(*vocabulary);
  parts.special = read_special_ids(file, *vocabulary, defaults);
  for (int32_t id = 0; id < vocabulary->size(); ++id) {
    const TokenKind kind = vocabulary->kind(id);
    parts.in_model.push_back(kind == TokenKind::normal || kind == TokenKind::user_defined);
  }
  auto [merges, ranks] = merges_by_score(*vocabulary, parts.in_model, file.numbers(kScores), kScores);
  parts.model.merges = std::move(merges);
  parts.model.ranks = std::move(ranks);
  parts.model.unknown = parts.special.unk;
  parts.model.fuse_unknown = true;
  const bool prefix = file.flag_or("tokenizer.ggml.add_space_prefix", true);
  const SpaceMarking marking{.prefix = prefix ? SpaceMarking::Prefix::fresh : SpaceMarking::Prefix::none,
                             .drops_first_space = prefix};
  auto rules =
      std::make_unique<SpaceMarkRules>(marking, *vocabulary, parts.in_model, /*whole_may_match=*/false);
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), std::move(rules), std::move(parts));
}

struct ModelRow {
  std::string_view name;  // tokenizer.ggml.model
  std::shared_ptr<const Tokenizer> (*load)(const GgufFile&);
};
constexpr ModelRow kModels[] = {{"gpt2", load_byte_level}, {"llama", load_sentence_piece}};
}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const GgufFile& file) {
  const std::string model = file.text("tokenizer.ggml.model");
  for (const ModelRow& row : kModels) {
    if (row.name == model) return row.load(file);
  }
  throw Error({.what = fmt::format("tokenizer.ggml.model is \"{}\"", model),
               .where = file.where(),
               .hint = "known are gpt2 (byte-level BPE) and llama (SentencePiece BPE)"});
}

}  // namespace fettle
