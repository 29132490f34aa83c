#include "token/load_hf.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fettle {

namespace {
using nlohmann::json;
namespace fs = std::filesystem;

json added(int id, const std::string& content, bool special) {
  return {{"id", id}, {"content", content}, {"special", special}, {"normalized", false}};
}

json tokenizer() {
  return json::parse(R"({"version": "1.0", "added_tokens": [], "normalizer": null,
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true},
    "post_processor": null, "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "<s>": 4}, "merges": ["a b"]}})");
}

json with_added() {
  json t = tokenizer();
  t["added_tokens"] = {added(4, "<s>", true), added(5, "</s>", true), added(7, "<think>", false)};
  return t;
}

std::shared_ptr<const Tokenizer> parse(const json& t, const json& config = nullptr,
                                       const json& map = nullptr) {
  HfTokenizerFiles files{.folder = "m", .tokenizer = t.dump()};
  if (!config.is_null()) files.config = config.dump();
  if (!map.is_null()) files.special_tokens_map = map.dump();
  return parse_hf_tokenizer(files);
}

void expect_error(const json& t, std::string_view where, std::string_view part,
                  const json& config = nullptr) {
  try {
    parse(t, config);
    ADD_FAILURE() << "no error; expected " << part;
  } catch (const Error& error) {
    EXPECT_EQ(error.where(), where) << error.message();
    EXPECT_NE(error.message().find(part), std::string::npos) << error.message();
  }
}

void expect_error(const json& t, std::string_view part) {
  expect_error(t, "m/tokenizer.json", part);
}

// tokenizer() with the value at a JSON pointer replaced.
json changed(const char* pointer, json value) {
  json t = tokenizer();
  t[json::json_pointer(pointer)] = std::move(value);
  return t;
}

TEST(LoadHf, TokensAndKinds) {
  const auto t = parse(with_added());
  EXPECT_EQ(t->vocab_size(), 8);
  EXPECT_EQ(t->encode("ab<s> <think>b", true), (std::vector<int32_t>{2, 4, 3, 7, 1}));
  EXPECT_EQ(t->kind(2), TokenKind::normal);
  EXPECT_EQ(t->kind(4), TokenKind::control);
  EXPECT_EQ(t->kind(6), TokenKind::unused) << "a hole between the ids";
  EXPECT_EQ(t->bytes_of(6), "");
  EXPECT_EQ(t->kind(7), TokenKind::user_defined);
  EXPECT_EQ(t->id_of("<think>"), 7);
  EXPECT_EQ(t->describe(), "byte-level BPE, pre-tokenizer gpt-2, 8 tokens, 253 byte values without a token");
}

TEST(LoadHf, OnlySpecialTokensAreSoughtInTheTextAsItCame) {
  json t = tokenizer();
  t["normalizer"] = {{"type", "NFC"}};
  t["added_tokens"] = {{{"id", 5}, {"content", "\u00e9"}, {"special", false}},
                       {{"id", 6}, {"content", "o\u0301"}, {"special", true}}};
  const std::string written = "ae\u0301o\u0301";
  EXPECT_EQ(parse(t)->encode(written, true), (std::vector<int32_t>{0, 5, 6}));
  t["added_tokens"][0]["normalized"] = false;
  t["added_tokens"][1]["normalized"] = true;
  EXPECT_EQ(parse(t)->encode(written, true), (std::vector<int32_t>{0, 6}))
      << "é is composed too late to be found";
}

TEST(LoadHf, SpecialIdsFromTheConfigThenFromTheMap) {
  const json config = {
      {"bos_token", "<s>"}, {"eos_token", {{"content", "</s>"}, {"lstrip", false}}}, {"pad_token", nullptr}};
  const auto t = parse(with_added(), config, {{"eos_token", "a"}, {"pad_token", "a"}, {"unk_token", "b"}});
  EXPECT_EQ(t->special().bos, 4);
  EXPECT_EQ(t->special().eos, 5);
  EXPECT_EQ(t->special().pad, -1) << "null in the config is said, not missing";
  EXPECT_EQ(t->special().unk, 1);
  EXPECT_FALSE(t->special().add_bos);
  expect_error(with_added(), "m/tokenizer_config.json", "pad_token: \"[PAD]\" is not in the vocabulary",
               {{"pad_token", "[PAD]"}});
}

json template_of(std::initializer_list<const char*> entries) {
  json single = json::array();
  for (std::string name : entries) {
    if (name == "A") single.push_back({{"Sequence", {{"id", name}, {"type_id", 0}}}});
    if (name != "A") single.push_back({{"SpecialToken", {{"id", name}, {"type_id", 0}}}});
  }
  const auto special = [](int id) { return json{{"ids", {id}}}; };
  return {{"type", "TemplateProcessing"},
          {"single", single},
          {"special_tokens", {{"<s>", special(4)}, {"</s>", special(5)}}}};
}

TEST(LoadHf, WhatThePostProcessorAdds) {
  json t = with_added();
  t["post_processor"] = {{"type", "Sequence"},
                         {"processors", {{{"type", "ByteLevel"}}, template_of({"<s>", "A", "</s>"})}}};
  const auto both = parse(t);
  EXPECT_EQ(both->special().bos, 4);
  EXPECT_TRUE(both->special().add_bos);
  EXPECT_EQ(both->special().eos, 5);
  EXPECT_TRUE(both->special().add_eos);
  EXPECT_FALSE(parse(t, {{"add_bos_token", false}})->special().add_bos) << "the config decides";
  expect_error(t, "m/tokenizer.json", "post_processor adds token 4, but bos_token is token 5",
               {{"bos_token", "</s>"}});

  t["post_processor"] = template_of({"A", "</s>"});
  EXPECT_FALSE(parse(t)->special().add_bos);
  EXPECT_TRUE(parse(t, {{"bos_token", "<s>"}, {"add_bos_token", true}})->special().add_bos);
  expect_error(t, "m/tokenizer_config.json", "add_bos_token: true, but there is no bos_token",
               {{"add_bos_token", true}});
  t["post_processor"] = template_of({"<s>", "<s>", "A"});
  expect_error(t, "more than one token");
  t["post_processor"] = {{"type", "BertProcessing"}};
  expect_error(t, "post_processor: type \"BertProcessing\" is not understood");
}

TEST(LoadHf, TokensOnlyTheConfigKnows) {
  const json config = {{"added_tokens_decoder",
                        {{"4", added(4, "<s>", true)}, {"8", {{"content", "<|x|>"}, {"special", true}}}}}};
  const auto t = parse(with_added(), config);
  EXPECT_EQ(t->encode("<|x|>", true), (std::vector<int32_t>{8}));
  expect_error(with_added(), "m/tokenizer_config.json", "token 5 is \"<y>\", but token 5 is \"</s>\"",
               {{"added_tokens_decoder", {{"5", {{"content", "<y>"}}}}}});
  expect_error(with_added(), "m/tokenizer_config.json", "\"5x\" is no token id",
               {{"added_tokens_decoder", {{"5x", {{"content", "<y>"}}}}}});
}

TEST(LoadHf, RefusesOtherModels) {
  expect_error(changed("/model/type", "Unigram"), "model: type Unigram is not understood");
  expect_error(changed("/model/type", "WordPiece"), "model: type WordPiece");
  expect_error(changed("/model/byte_fallback", true), "model.byte_fallback: true");
  expect_error(changed("/model/dropout", 0.1), "model.dropout");
  expect_error(changed("/model/end_of_word_suffix", "</w>"), "model.end_of_word_suffix: \"</w>\"");
  expect_error(changed("/decoder/type", "WordPiece"), "decoder: type \"WordPiece\"");
  expect_error(changed("/normalizer", {{"type", "NFKC"}}), "normalizer: type \"NFKC\"");
  EXPECT_NO_THROW(parse(changed("/model/continuing_subword_prefix", "")));
  EXPECT_NO_THROW(parse(changed("/model/dropout", 0.0)));
}

TEST(LoadHf, RefusesOtherPretokenizers) {
  expect_error(changed("/pre_tokenizer", nullptr), "\"pre_tokenizer\" is missing");
  expect_error(changed("/pre_tokenizer/type", "Whitespace"), "pre_tokenizer: the last step is not ByteLevel");
  expect_error(changed("/pre_tokenizer/add_prefix_space", true), "pre_tokenizer: add_prefix_space");
  expect_error(changed("/pre_tokenizer/use_regex", false), "no known pre-tokenizer splits by nothing");
  json split = {
      {"type", "Split"}, {"pattern", {{"Regex", "\\w+"}}}, {"behavior", "Isolated"}, {"invert", false}};
  const auto sequence = [](json step) {
    return changed("/pre_tokenizer",
                   {{"type", "Sequence"}, {"pretokenizers", {step, tokenizer()["pre_tokenizer"]}}});
  };
  expect_error(sequence(split), "no known pre-tokenizer splits by \\w+  then  's|'t");
  split["behavior"] = "Removed";
  expect_error(sequence(split), "pre_tokenizer.pretokenizers[0].behavior: \"Removed\"");
  split["behavior"] = "Isolated";
  split["invert"] = true;
  expect_error(sequence(split), "an inverted Split");
  split["pattern"] = {{"String", " "}};
  expect_error(sequence(split), "pre_tokenizer.pretokenizers[0].pattern: only a Regex");
  expect_error(sequence({{"type", "Metaspace"}}), "pre_tokenizer.pretokenizers[0]: type \"Metaspace\"");
  expect_error(tokenizer(), "m/tokenizer_config.json", "add_prefix_space: true",
               {{"add_prefix_space", true}});
}

json space_marks() {
  return json::parse(R"({"version": "1.0", "added_tokens": [],
    "normalizer": {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null, "post_processor": null,
    "decoder": {"type": "Sequence", "decoders": [
      {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
      {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    "model": {"type": "BPE", "byte_fallback": true, "unk_token": "?",
      "vocab": {"a": 0, "▁": 1, "▁a": 2, "<0x62>": 3, "?": 4}, "merges": ["▁ a"]}})");
}

TEST(LoadHf, SpaceMarks) {
  const auto t = parse(space_marks());
  EXPECT_EQ(t->describe(), "SentencePiece BPE, space before text, 5 tokens, 255 byte values without a token");
  EXPECT_EQ(t->encode("a ab", true), (std::vector<int32_t>{2, 2, 3}));
  EXPECT_EQ(t->kind(3), TokenKind::byte);
  EXPECT_EQ(t->decode(std::vector<int32_t>{2, 2, 3}, true), "a ab");
  json no_bytes = space_marks();
  no_bytes["model"]["byte_fallback"] = false;
  EXPECT_EQ(parse(no_bytes)->kind(3), TokenKind::normal);
  EXPECT_EQ(parse(no_bytes)->encode("b", true), (std::vector<int32_t>{1, 4}));
}

TEST(LoadHf, RefusesOtherSpaceMarks) {
  const auto with = [](const char* pointer, json value) {
    json t = space_marks();
    t[json::json_pointer(pointer)] = std::move(value);
    return t;
  };
  const json nfc = {{"type", "NFC"}};
  expect_error(with("/normalizer/normalizers/0", nfc),
               "normalizer.normalizers[0]: type \"NFC\" is not understood");
  expect_error(with("/normalizer/normalizers/0/prepend", "_"), "normalizers[0].prepend: \"_\"");
  expect_error(with("/normalizer/normalizers/1/pattern", {{"Regex", " "}}), "only a String");
  expect_error(with("/normalizer/normalizers/1/content", "_"), "normalizers[1].content: \"_\"");
  expect_error(with("/normalizer/normalizers", json::array()), "normalizer: spaces stay spaces");
  expect_error(with("/normalizer", nullptr), "neither normalizer nor pre_tokenizer marks spaces");
  expect_error(with("/pre_tokenizer", {{"type", "Whitespace"}}), "pre_tokenizer: type \"Whitespace\"");
  expect_error(with("/pre_tokenizer", {{"type", "Split"}, {"pattern", {{"String", "a"}}}}),
               "pre_tokenizer.pattern.String: \"a\"");
  json metaspace = with("/normalizer", nullptr);
  metaspace["pre_tokenizer"] = {
      {"type", "Metaspace"}, {"replacement", "▁"}, {"prepend_scheme", "last"}, {"split", false}};
  expect_error(metaspace, "pre_tokenizer.prepend_scheme: \"last\"");
  metaspace["pre_tokenizer"]["prepend_scheme"] = "first";
  EXPECT_EQ(parse(metaspace)->encode("a a", true), (std::vector<int32_t>{2, 2}));
  metaspace["pre_tokenizer"]["split"] = true;
  expect_error(metaspace, "split true is not supported with BPE");
  expect_error(with("/decoder/decoders/3/start", 2), "decoder.decoders[3].start: 2 is not understood");
  expect_error(with("/decoder/decoders/3/stop", 1), "decoder.decoders[3].stop: 1 is not understood");
  expect_error(with("/decoder/decoders/1/type", "Fuse"), "decoder: these steps are not understood together");
  expect_error(with("/decoder/decoders/0/content", "_"), "decoder.decoders[0].content");
  EXPECT_NO_THROW(parse(space_marks(), {{"add_prefix_space", true}}));
}

TEST(LoadHf, NormalizedAddedTokensThatMeet) {
  json t = tokenizer();
  t["normalizer"] = {{"type", "NFC"}};
  t["added_tokens"] = {{{"id", 5}, {"content", "\u00e9"}}, {{"id", 6}, {"content", "e\u0301"}}};
  expect_error(t, "two added tokens are both \"\u00e9\" in normalised text");
}

TEST(LoadHf, BrokenFiles) {
  expect_error(changed("/model/vocab/b", 0), "have the same id 0");
  expect_error(changed("/model/vocab/b", -1), "\"b\" has the id -1");
  expect_error(changed("/model/vocab/b", 1 << 30), "\"b\" has the id 1073741824");
  expect_error(changed("/model/vocab/b", "1"), "model.vocab.b: the id is not an integer");
  expect_error(changed("/model/vocab", json::array()), "model.vocab: array where an object is expected");
  expect_error(changed("/model/merges/0", "b a"), "model.merges[0] merges \"b\" and \"a\"");
  expect_error(changed("/model/merges/0", "ab"), "model.merges[0] is \"ab\"");
  expect_error(changed("/model/merges/0", {"a"}), "model.merges[0]: a merge is");
  expect_error(changed("/model/unk_token", "?"), "model.unk_token: \"?\" is not in the vocabulary");
  expect_error(changed("/added_tokens", {added(0, "<s>", true)}), "have the same id 0");
  expect_error(changed("/added_tokens", {added(9, "<s>", true)}), "tokens 4 and 9 are both \"<s>\"");
  expect_error(changed("/added_tokens", {added(5, "x", true), added(6, "x", true)}),
               "added_tokens[1]: token 6 is \"x\"");
  expect_error(changed("/added_tokens", {{{"content", "x"}}}), "added_tokens[0]: \"id\" is missing");
}

TEST(LoadHf, Folders) {
  const fs::path folder = fs::temp_directory_path() / ("fettle_token_" + std::to_string(getpid()));
  fs::create_directories(folder);
  EXPECT_THROW(load_tokenizer(folder), Error);
  std::ofstream(folder / "tokenizer.json") << with_added();
  EXPECT_EQ(load_tokenizer(folder)->special().eos, -1);
  std::ofstream(folder / "special_tokens_map.json") << json{{"eos_token", "<s>"}};
  EXPECT_EQ(load_tokenizer(folder)->special().eos, 4);
  std::ofstream(folder / "tokenizer_config.json") << json{{"eos_token", "</s>"}};
  EXPECT_EQ(load_tokenizer(folder)->special().eos, 5);
  std::ofstream(folder / "tokenizer.json") << "{\"model\": ";
  try {
    load_tokenizer(folder);
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_TRUE(error.where().starts_with((folder / "tokenizer.json").string() + ":1:")) << error.message();
  }
  fs::remove_all(folder);
}
}  // namespace

}  // namespace fettle
