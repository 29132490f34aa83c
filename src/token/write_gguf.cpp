// GGUF metadata from a folder's tokenizer.json.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/file.h"
#include "format/gguf_writer.h"
#include "format/records.h"
#include "token/convert.h"
#include "token/hf_parts.h"
#include "token/score_merges.h"
#include "token/tokenizer.h"

namespace fettle {

namespace {
namespace fs = std::filesystem;

// By TokenKind, as tokenizer.ggml.token_type counts.
int32_t token_type(TokenKind kind) {
  switch (kind) {
    case TokenKind::normal:
      return 1;
    case TokenKind::unknown:
      return 2;
    case TokenKind::control:
      return 3;
    case TokenKind::user_defined:
      return 4;
    case TokenKind::unused:
      return 5;
    case TokenKind::byte:
      return 6;
  }
  FETTLE_CHECK(false, "kind {}", int(kind));
}

Vocabulary set_tokens(const Tokenizer& tokenizer, const JsonNode& root, int64_t rows,
                      const std::vector<AddedToken>& added, GgufMetadata& metadata) {
  if (tokenizer.vocab_size() > rows)
    root.at("model").fail(
        fmt::format("{} tokens, but the embedding has {} rows", tokenizer.vocab_size(), rows));
  std::vector<std::string> forms(static_cast<size_t>(rows));
  std::vector<TokenKind> kinds(size_t(rows), TokenKind::unused);
  std::vector<int32_t> types;
  for (const auto& [form, id] : root.at("model").at("vocab").object()) forms[id.get<size_t>()] = form;
  for (const AddedToken& token : added) forms[size_t(token.id)] = token.content;
  for (size_t id = 0; id < forms.size(); ++id) {
    if (forms[id].empty()) forms[id] = fmt::format("[PAD{}]", id);
    if (int64_t(id) < tokenizer.vocab_size()) kinds[id] = tokenizer.kind(int32_t(id));
    types.push_back(token_type(kinds[id]));
  }
  metadata.set_texts("tokenizer.ggml.tokens", forms);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  return {std::move(forms), std::move(kinds), root.file()};
}

// The two sides of every merge.
std::vector<std::array<std::string, 2>> merges_of(const JsonNode& model) {
  std::vector<std::array<std::string, 2>> merges;
  for (const nlohmann::json& item : model.at("merges").array()) {
    if (item.is_array()) {
      merges.push_back({item[0].get<std::string>(), item[1].get<std::string>()});
    } else if (const auto text = item.get<std::string>(); !text.starts_with("#version")) {
      const size_t space = text.find(' ');
      merges.push_back({text.substr(0, space), text.substr(space + 1)});
    }
  }
  return merges;
}

void set_merges(const JsonNode& model, GgufMetadata& metadata) {
  std::vector<std::string> merges;
  for (const auto& [left, right] : merges_of(model)) merges.push_back(left + ' ' + right);
  metadata.set_texts("tokenizer.ggml.merges", merges);
}

// Rows with equal patterns differ in what a GGUF of that name leaves unsaid.
std::string_view pre_name(const JsonNode& root) {
  const PretokenizerRow& found = read_pretokenizer(root);
  const bool ignore_merges = root.at("model").flag_or("ignore_merges", false), nfc = read_normalizer(root);
  const auto fits = [&](const PretokenizerRow& row) {
    return std::ranges::equal(row.steps(), found.steps()) && row.ignore_merges == ignore_merges &&
           row.nfc == nfc;
  };
  const auto rows = pretokenizers();
  const auto row = std::ranges::find_if(rows, fits);
  if (row == rows.end())
    root.fail(fmt::format("GGUF has no name for pre-tokenizer {} with ignore_merges {} and {}", found.name,
                          ignore_merges, nfc ? "NFC" : "no normalizer"),
              "export to export_format: hf, which keeps the tokenizer's files");
  return row->gguf.substr(0, row->gguf.find(' '));
}

void set_special(const SpecialIds& ids, GgufMetadata& metadata) {
  const std::pair<const char*, int32_t> named[] = {{"tokenizer.ggml.bos_token_id", ids.bos},
                                                   {"tokenizer.ggml.eos_token_id", ids.eos},
                                                   {"tokenizer.ggml.unknown_token_id", ids.unk},
                                                   {"tokenizer.ggml.padding_token_id", ids.pad}};
  for (const auto& [key, id] : named)
    if (id >= 0) metadata.set_u32(key, uint32_t(id));
  metadata.set_flag("tokenizer.ggml.add_bos_token", ids.add_bos);
  metadata.set_flag("tokenizer.ggml.add_eos_token", ids.add_eos);
}

// A GGUF says whether text begins with a mark, and nothing finer.
bool marks_beginning(const JsonNode& root) {
  using Prefix = SpaceMarking::Prefix;
  const SpaceMarking marking = read_space_marking(root);
  const bool prefix = marking.prefix == Prefix::fresh;
  if (marking.prefix == Prefix::first || marking.unless_marked || marking.drops_first_space != prefix)
    root.at("pre_tokenizer")
        .fail("GGUF has no words for how this tokenizer marks the beginning of text",
              "export to export_format: hf, which keeps the tokenizer's files");
  return prefix;
}

void require_flag(const JsonNode& model, std::string_view name, bool wanted) {
  if (model.flag_or(name, false) != wanted)
    model.fail(
        fmt::format("{} {}: a GGUF with a SentencePiece vocabulary always means {}", name, !wanted, wanted),
        "export to export_format: hf, which keeps the tokenizer's files");
}

// As SentencePiece has it: scores for merges, as the kinds of tokens that its reader merges.
void set_sentence_piece(const JsonNode& root, const Vocabulary& vocabulary, GgufMetadata& metadata) {
  require_flag(root.at("model"), "byte_fallback", true);
  require_flag(root.at("model"), "ignore_merges", false);
  std::vector<bool> in_model, found_first;
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    found_first.push_back(vocabulary.kind(id) == TokenKind::user_defined);
    in_model.push_back(vocabulary.kind(id) == TokenKind::normal || found_first.back());
  }
  std::vector<BpeMerge> merges;
  for (const auto& [left, right] : merges_of(root.at("model")))
    merges.push_back(resolve_merge(vocabulary, left, right, merges.size(), "merges"));
  metadata.set_text("tokenizer.ggml.model", "llama");
  metadata.set_text("tokenizer.ggml.pre", "default");
  metadata.set_f32s("tokenizer.ggml.scores", scores_by_merge(vocabulary, in_model, found_first, merges));
  metadata.set_flag("tokenizer.ggml.add_space_prefix", marks_beginning(root));
  metadata.set_flag("tokenizer.ggml.remove_extra_whitespaces", false);
}

void set_byte_level(const JsonNode& root, GgufMetadata& metadata) {
  metadata.set_text("tokenizer.ggml.model", "gpt2");
  metadata.set_text("tokenizer.ggml.pre", pre_name(root));
  set_merges(root.at("model"), metadata);
  metadata.set_flag("tokenizer.ggml.add_space_prefix", false);
}
}  // namespace

void set_gguf_tokenizer(const fs::path& folder, int64_t rows, GgufMetadata& metadata) {
  const auto tokenizer = load_tokenizer(folder);  // checks what is read below
  const std::string where = (folder / "tokenizer.json").string();
  const fs::path config_path = folder / "tokenizer_config.json";
  const nlohmann::json document = parse_json_document(read_text(where), where);
  nlohmann::json config_document;
  std::optional<JsonNode> config;
  if (fs::exists(config_path)) {
    config_document = parse_json_document(read_text(config_path), config_path.string());
    config.emplace(config_document, config_path.string());
  }
  const JsonNode root(document, where);
  const Vocabulary vocabulary = set_tokens(*tokenizer, root, rows, read_added_tokens(root, config), metadata);
  if (has_space_marks(root)) {
    set_sentence_piece(root, vocabulary, metadata);
  } else {
    set_byte_level(root, metadata);
  }
  set_special(tokenizer->special(), metadata);
}

}  // namespace fettle
