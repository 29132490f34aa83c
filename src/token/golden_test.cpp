// Ids and texts of the reference library (tests/golden/make_token_golden.py), through both loaders.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <thread>

#include "token/golden_testing.h"
#include "token/load_hf.h"
#include "token/pretokenizer.h"

namespace fettle {

namespace {
using nlohmann::json;
using testing::expect_equal;

const json& golden() {
  static const json document = testing::golden_file("tokens.json");
  return document;
}

// The case's tokenizer.json, completed as the script does it.
json complete(const json& golden_case) {
  std::map<int, std::string> forms;  // by id
  for (const auto& [form, id] : golden()["model"]["vocab"].items()) forms[id] = form;
  json tokenizer = golden_case["tokenizer"], vocab = json::object(), merges = json::array();
  for (const auto& [id, form] : forms) {
    const json& without = golden_case["without"];
    if (std::find(without.begin(), without.end(), json(form)) == without.end()) vocab[form] = vocab.size();
  }
  for (const json& merge : golden()["model"]["merges"]) {
    const std::string left = merge[0], right = merge[1];
    if (vocab.contains(left) && vocab.contains(right) && vocab.contains(left + right))
      merges.push_back(merge);
  }
  tokenizer["model"]["vocab"] = vocab;
  tokenizer["model"]["merges"] = merges;
  return tokenizer;
}

std::shared_ptr<const Tokenizer> from_json(const json& tokenizer) {
  return parse_hf_tokenizer({.tokenizer = tokenizer.dump()});
}

std::shared_ptr<const Tokenizer> from_gguf(const json& tokenizer, const std::string& pre) {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;
  const auto put = [&](size_t id, const std::string& form, int32_t type) {
    if (id >= tokens.size()) {
      for (size_t hole = tokens.size(); hole <= id; ++hole)
        tokens.push_back("[PAD" + std::to_string(hole) + "]");
      types.resize(id + 1, 5);
    }
    tokens[id] = form;
    types[id] = type;
  };
  for (const auto& [form, id] : tokenizer["model"]["vocab"].items()) put(id, form, 1);
  for (const json& added : tokenizer["added_tokens"])
    put(added["id"], added["content"], added["special"] ? 3 : 4);
  for (const json& merge : tokenizer["model"]["merges"]) {
    merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  }
  GgufMetadata metadata;
  metadata.set_text("tokenizer.ggml.model", "gpt2");
  metadata.set_text("tokenizer.ggml.pre", pre);
  metadata.set_texts("tokenizer.ggml.tokens", tokens);
  metadata.set_i32s("tokenizer.ggml.token_type", types);
  metadata.set_texts("tokenizer.ggml.merges", merges);
  return testing::tokenizer_of(metadata, "golden.gguf");
}

TEST(TokenGolden, TokenizerJson) {
  for (const json& c : golden()["cases"]) expect_equal(*from_json(complete(c)), c, "merges as pairs");
}

TEST(TokenGolden, MergesAsStrings) {
  for (const json& c : golden()["cases"]) {
    json tokenizer = complete(c), merges = {"#version: 0.2"};
    for (const json& merge : tokenizer["model"]["merges"]) {
      merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    }
    tokenizer["model"]["merges"] = merges;
    expect_equal(*from_json(tokenizer), c, "merges as strings");
  }
}

TEST(TokenGolden, Gguf) {
  int cases = 0;
  for (const json& c : golden()["cases"]) {
    if (c["gguf"].is_null()) continue;
    expect_equal(*from_gguf(complete(c), c["gguf"]), c, "GGUF");
    ++cases;
  }
  EXPECT_GE(cases, 6);
}

TEST(TokenGolden, EveryPretokenizerIsHeldAgainstTheReference) {
  std::string names;
  for (const json& c : golden()["cases"]) names += from_json(complete(c))->describe() + "\n";
  for (const PretokenizerRow& row : pretokenizers()) {
    const PretokenizerRow* first = pretokenizer_by_patterns(row.steps());
    EXPECT_NE(names.find("pre-tokenizer " + std::string(first->name) + ","), names.npos) << row.name;
  }
}

TEST(TokenGolden, ManyThreadsEncodeAlike) {
  const json& c = golden()["cases"][0];
  const auto tokenizer = from_json(complete(c));
  std::vector<std::vector<int32_t>> first(4);
  std::vector<std::thread> threads;
  for (auto& ids : first) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20; ++round) {
        ids.clear();
        for (const json& t : c["texts"]) {
          const auto part = tokenizer->encode(t["text"].get_ref<const std::string&>(), true);
          ids.insert(ids.end(), part.begin(), part.end());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::vector<int32_t> expected;
  for (const json& t : c["texts"]) expected.insert(expected.end(), t["special"].begin(), t["special"].end());
  for (const auto& ids : first) EXPECT_EQ(ids, expected);
}
}  // namespace

}  // namespace fettle
