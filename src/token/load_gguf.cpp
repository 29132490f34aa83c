#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "format/gguf.h"
#include "token/bpe_tokenizer.h"

namespace fettle {

namespace {
// By tokenizer.ggml.token_type; type 6 (byte) belongs to vocabularies of another kind.
constexpr TokenKind kKinds[] = {TokenKind::unused,  TokenKind::normal,       TokenKind::unknown,
                                TokenKind::control, TokenKind::user_defined, TokenKind::unused};

TokenKind kind_of(int64_t type, size_t id, const std::string& where) {
  if (type >= 1 && type < int64_t(std::size(kKinds))) return kKinds[type];
  throw Error({.what = fmt::format("tokenizer.ggml.token_type[{}] is {}", id, type),
               .where = where,
               .hint = "a byte-level BPE vocabulary has types 1 to 5"});
}

std::unique_ptr<const Vocabulary> read_vocabulary(const GgufFile& file) {
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
  for (size_t id = 0; id < types.size(); ++id) kinds[id] = kind_of(types[id], id, file.where());
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

int32_t read_id(const GgufFile& file, std::string_view key, const Vocabulary& vocabulary) {
  const int64_t id = file.integer_or(key, -1);
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
    if (kind == TokenKind::normal || kind == TokenKind::unused || vocabulary.form(id).empty()) continue;
    if (!valid_utf8(vocabulary.form(id))) {
      throw Error({.what = fmt::format("tokenizer.ggml.tokens[{}], to be found in text, is not UTF-8", id),
                   .where = vocabulary.where()});
    }
    added.push_back({.content = vocabulary.form(id), .id = id, .special = kind != TokenKind::user_defined});
  }
  return added;
}
}  // namespace

std::shared_ptr<const Tokenizer> load_tokenizer(const GgufFile& file) {
  if (const std::string model = file.text("tokenizer.ggml.model"); model != "gpt2") {
    throw Error({.what = fmt::format("tokenizer.ggml.model is \"{}\"", model),
                 .where = file.where(),
                 .hint = "only byte-level BPE (\"gpt2\") is understood so far"});
  }
  auto vocabulary = read_vocabulary(file);
  const PretokenizerRow& pretokenizer = read_pretokenizer(file);
  BpeTokenizerParts parts{.merges = read_merges(file, *vocabulary),
                          .ignore_merges = pretokenizer.ignore_merges,
                          .pretokenizer = &pretokenizer,
                          .nfc = pretokenizer.nfc,
                          .added = added_tokens(*vocabulary)};
  for (int32_t id = 0; id < vocabulary->size(); ++id) {
    parts.in_model.push_back(vocabulary->kind(id) == TokenKind::normal);
  }
  parts.special = {.bos = read_id(file, "tokenizer.ggml.bos_token_id", *vocabulary),
                   .eos = read_id(file, "tokenizer.ggml.eos_token_id", *vocabulary),
                   .pad = read_id(file, "tokenizer.ggml.padding_token_id", *vocabulary),
                   .unk = read_id(file, "tokenizer.ggml.unknown_token_id", *vocabulary),
                   .add_bos = file.flag_or("tokenizer.ggml.add_bos_token", pretokenizer.add_bos),
                   .add_eos = file.flag_or("tokenizer.ggml.add_eos_token", false)};
  return std::make_shared<BpeTokenizer>(std::move(vocabulary), std::move(parts));
}

}  // namespace fettle
