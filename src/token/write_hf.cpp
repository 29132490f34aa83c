// tokenizer.json and its companions from GGUF metadata.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <numeric>

#include "base/error.h"
#include "format/gguf.h"
#include "token/convert.h"
#include "token/pretokenizer.h"
#include "token/score_merges.h"
#include "token/text_rules.h"
#include "token/tokenizer.h"
#include "token/vocabulary.h"

namespace fettle {

namespace {
using Json = nlohmann::ordered_json;

bool is_added(TokenKind kind) {
  return kind == TokenKind::control || kind == TokenKind::user_defined || kind == TokenKind::unknown;
}

Json added_token(const Tokenizer& tokenizer, const std::string& content, int32_t id) {
  return {{"content", content},  {"single_word", false},
          {"lstrip", false},     {"rstrip", false},
          {"normalized", false}, {"special", tokenizer.kind(id) != TokenKind::user_defined}};
}

Json pre_tokenizer(const PretokenizerRow& row) {
  Json steps = Json::array();
  for (std::string_view pattern : row.steps())
    steps.push_back(
        {{"type", "Split"}, {"pattern", {{"Regex", pattern}}}, {"behavior", "Isolated"}, {"invert", false}});
  steps.push_back(
      {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", false}});
  return {{"type", "Sequence"}, {"pretokenizers", steps}};
}

// What the tokenizer puts around a text, in the words of tokenizer.json.
Json post_processor(const Tokenizer& tokenizer, std::span<const std::string> forms) {
  const SpecialIds& ids = tokenizer.special();
  if (!ids.add_bos && !ids.add_eos) return nullptr;
  Json single = Json::array(), pair = Json::array(), tokens = Json::object();
  const auto token = [&](Json& list, int32_t id, int type) {
    const std::string& form = forms[size_t(id)];
    list.push_back({{"SpecialToken", {{"id", form}, {"type_id", type}}}});
    tokens[form] = {{"id", form}, {"ids", {id}}, {"tokens", {form}}};
  };
  const auto text = [&](Json& list, const char* which, int type) {
    if (ids.add_bos) token(list, ids.bos, type);
    list.push_back({{"Sequence", {{"id", which}, {"type_id", type}}}});
    if (ids.add_eos) token(list, ids.eos, type);
  };
  text(single, "A", 0);
  text(pair, "A", 0);
  text(pair, "B", 1);
  return {{"type", "TemplateProcessing"}, {"single", single}, {"pair", pair}, {"special_tokens", tokens}};
}

// Every token that is used, by form.
Json vocab_of(const GgufFile& file, const Tokenizer& tokenizer) {
  Json vocab = Json::object();
  const auto forms = file.texts("tokenizer.ggml.tokens");
  for (size_t id = 0; id < forms.size(); ++id)
    if (tokenizer.kind(int32_t(id)) != TokenKind::unused) vocab[forms[id]] = id;
  return vocab;
}

Json bpe_model(Json vocab, Json merges) {
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", nullptr},
          {"end_of_word_suffix", nullptr},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocab)},
          {"merges", std::move(merges)}};
}

/// What the two kinds of vocabulary have of their own in tokenizer.json.
struct Pipeline {
  Json normalizer, pre_tokenizer, decoder, model;
};

Pipeline byte_level(const GgufFile& file, const Tokenizer& tokenizer) {
  const PretokenizerRow* row = pretokenizer_by_gguf_name(file.text_or("tokenizer.ggml.pre", "default"));
  FETTLE_CHECK(row != nullptr);  // the tokenizer was loaded with it
  Json merges = Json::array();
  for (const std::string& text : file.texts("tokenizer.ggml.merges")) {
    const auto [left, right] = split_merge(text, merges.size(), "tokenizer.ggml.merges", file.where());
    merges.push_back({left, right});
  }
  Pipeline p{.normalizer = row->nfc ? Json{{"type", "NFC"}} : Json(),
             .pre_tokenizer = pre_tokenizer(*row),
             .decoder = {{"type", "ByteLevel"},
                         {"add_prefix_space", true},
                         {"trim_offsets", true},
                         {"use_regex", true}},
             .model = bpe_model(vocab_of(file, tokenizer), std::move(merges))};
  p.model["ignore_merges"] = row->ignore_merges;
  return p;
}

// The merges that scores stand for, best first. tokenizer.json has no equal ranks: of the ways to make one
// token the order of the vocabulary decides.
Json merges_in_order(const GgufFile& file, const Tokenizer& tokenizer) {
  constexpr std::string_view kScores = "tokenizer.ggml.scores";
  const auto forms = file.texts("tokenizer.ggml.tokens");
  std::vector<TokenKind> kinds;
  std::vector<bool> in_model;
  for (size_t id = 0; id < forms.size(); ++id) {
    kinds.push_back(tokenizer.kind(int32_t(id)));
    in_model.push_back(kinds.back() == TokenKind::normal || kinds.back() == TokenKind::user_defined);
  }
  const Vocabulary vocabulary({forms.begin(), forms.end()}, std::move(kinds), file.where());
  const RankedMerges ranked = merges_by_score(vocabulary, in_model, file.numbers(kScores), kScores);
  std::vector<size_t> order(ranked.merges.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::ranges::stable_sort(order, {}, [&](size_t i) { return ranked.ranks[i]; });
  Json merges = Json::array();
  for (const size_t i : order)
    merges.push_back({vocabulary.form(ranked.merges[i].left), vocabulary.form(ranked.merges[i].right)});
  return merges;
}

Pipeline space_marks(const GgufFile& file, const Tokenizer& tokenizer) {
  const bool prefix = file.flag_or("tokenizer.ggml.add_space_prefix", true);
  const auto replace = [](std::string_view from, std::string_view to) {
    return Json{{"type", "Replace"}, {"pattern", {{"String", from}}}, {"content", to}};
  };
  Json before = Json::array(), after = Json::array();
  if (prefix) before.push_back({{"type", "Prepend"}, {"prepend", kSpaceMark}});
  before.push_back(replace(" ", kSpaceMark));
  after.push_back(replace(kSpaceMark, " "));
  after.push_back({{"type", "ByteFallback"}});
  after.push_back({{"type", "Fuse"}});
  if (prefix) after.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  Pipeline p{.normalizer = {{"type", "Sequence"}, {"normalizers", before}},
             .pre_tokenizer = nullptr,
             .decoder = {{"type", "Sequence"}, {"decoders", after}},
             .model = bpe_model(vocab_of(file, tokenizer), merges_in_order(file, tokenizer))};
  if (const int32_t unknown = tokenizer.special().unk; unknown >= 0)
    p.model["unk_token"] = file.texts("tokenizer.ggml.tokens")[size_t(unknown)];
  p.model["fuse_unk"] = true;
  p.model["byte_fallback"] = true;
  return p;
}

struct KindRow {
  std::string_view name;  // tokenizer.ggml.model
  Pipeline (*write)(const GgufFile&, const Tokenizer&);
};
constexpr KindRow kKinds[] = {{"gpt2", byte_level}, {"llama", space_marks}};

Pipeline pipeline_of(const GgufFile& file, const Tokenizer& tokenizer) {
  const std::string name = file.text("tokenizer.ggml.model");
  for (const KindRow& row : kKinds)
    if (row.name == name) return row.write(file, tokenizer);
  throw Error(
      {.what = fmt::format("tokenizer.ggml.model \"{}\" cannot be written as tokenizer.json yet", name),
       .where = file.where(),
       .hint = "export to a GGUF format, which keeps the tokenizer as it is"});
}

Json tokenizer_json(const GgufFile& file, const Tokenizer& tokenizer) {
  const auto forms = file.texts("tokenizer.ggml.tokens");
  Json added = Json::array();
  for (size_t id = 0; id < forms.size(); ++id)
    if (is_added(tokenizer.kind(int32_t(id)))) {
      Json token = {{"id", id}};
      token.update(added_token(tokenizer, forms[id], int32_t(id)));
      added.push_back(std::move(token));
    }
  Pipeline p = pipeline_of(file, tokenizer);
  return {{"version", "1.0"},
          {"truncation", nullptr},
          {"padding", nullptr},
          {"added_tokens", added},
          {"normalizer", std::move(p.normalizer)},
          {"pre_tokenizer", std::move(p.pre_tokenizer)},
          {"post_processor", post_processor(tokenizer, forms)},
          {"decoder", std::move(p.decoder)},
          {"model", std::move(p.model)}};
}

// bos_token … by name, of those the file has.
nlohmann::json named_tokens(const Tokenizer& tokenizer, std::span<const std::string> forms) {
  const SpecialIds& ids = tokenizer.special();
  nlohmann::json named = nlohmann::json::object();
  const std::pair<const char*, int32_t> names[] = {
      {"bos_token", ids.bos}, {"eos_token", ids.eos}, {"pad_token", ids.pad}, {"unk_token", ids.unk}};
  for (const auto& [name, id] : names)
    if (id >= 0) named[name] = forms[size_t(id)];
  return named;
}

nlohmann::json tokenizer_config(const GgufFile& file, const Tokenizer& tokenizer, int64_t context) {
  const auto forms = file.texts("tokenizer.ggml.tokens");
  nlohmann::json config = named_tokens(tokenizer, forms), decoder = nlohmann::json::object();
  for (size_t id = 0; id < forms.size(); ++id)
    if (is_added(tokenizer.kind(int32_t(id))))
      decoder[std::to_string(id)] = added_token(tokenizer, forms[id], int32_t(id));
  config["added_tokens_decoder"] = decoder;
  config["clean_up_tokenization_spaces"] = false;
  config["model_max_length"] = context;
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  if (file.has("tokenizer.chat_template")) config["chat_template"] = file.text("tokenizer.chat_template");
  return config;
}
}  // namespace

std::map<std::string, std::string> hf_tokenizer_files(const GgufFile& file, int64_t context) {
  const auto tokenizer = load_tokenizer(file);
  const auto forms = file.texts("tokenizer.ggml.tokens");
  return {{"tokenizer.json", tokenizer_json(file, *tokenizer).dump(2) + "\n"},
          {"tokenizer_config.json", tokenizer_config(file, *tokenizer, context).dump(2) + "\n"},
          {"special_tokens_map.json", named_tokens(*tokenizer, forms).dump(2) + "\n"}};
}

}  // namespace fettle
