// Ids and texts of the reference libraries for SentencePiece vocabularies (tests/golden/make_spm_golden.py),
// through both loaders.
#include <unistd.h>

#include <filesystem>

#include "base/error.h"
#include "base/file.h"
#include "token/convert.h"
#include "token/golden_testing.h"
#include "token/load_hf.h"

namespace fettle {

namespace {
using nlohmann::json;
using testing::expect_equal;

const json& golden() {
  static const json document = testing::golden_file("spm_tokens.json");
  return document;
}

const json& model_of(const json& golden_case) {
  return golden()["models"][golden_case["model"].get<std::string>()];
}

json hf_json(const json& golden_case) {
  const json& model = model_of(golden_case);
  json tokenizer = golden_case["tokenizer"];
  for (size_t id = 0; id < model["pieces"].size(); ++id) {
    tokenizer["model"]["vocab"][model["pieces"][id].get<std::string>()] = id;
  }
  tokenizer["model"]["merges"] = model["merges"];
  return tokenizer;
}

std::shared_ptr<const Tokenizer> from_json(const json& golden_case) {
  return parse_hf_tokenizer({.tokenizer = hf_json(golden_case).dump()});
}

GgufMetadata gguf_metadata(const json& golden_case) {
  const json& model = model_of(golden_case);
  GgufMetadata metadata;
  metadata.set_text("tokenizer.ggml.model", "llama");
  metadata.set_texts("tokenizer.ggml.tokens", model["pieces"].get<std::vector<std::string>>());
  metadata.set_i32s("tokenizer.ggml.token_type", model["types"].get<std::vector<int32_t>>());
  metadata.set_f32s("tokenizer.ggml.scores", model["scores"].get<std::vector<float>>());
  metadata.set_flag("tokenizer.ggml.add_space_prefix", golden_case["gguf"]);
  return metadata;
}

std::shared_ptr<const Tokenizer> from_gguf(const json& golden_case) {
  return testing::tokenizer_of(gguf_metadata(golden_case), "golden.gguf");
}

TEST(SentencePieceGolden, TokenizerJson) {
  ASSERT_EQ(golden()["cases"].size(), 8u);
  for (const json& c : golden()["cases"]) expect_equal(*from_json(c), c, "tokenizer.json");
}

TEST(SentencePieceGolden, Gguf) {
  int cases = 0;
  for (const json& c : golden()["cases"]) {
    if (c["gguf"].is_null()) continue;
    expect_equal(*from_gguf(c), c, "GGUF");
    ++cases;
  }
  EXPECT_EQ(cases, 2);
}

// A GGUF's vocabulary written as tokenizer.json still says what the reference libraries say.
TEST(SentencePieceGolden, GgufAsTokenizerJson) {
  int cases = 0;
  for (const json& c : golden()["cases"]) {
    if (c["gguf"].is_null()) continue;
    std::vector<std::byte> bytes;
    write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); },
               gguf_metadata(c), {});
    const auto file = GgufFile::parse(bytes, "golden.gguf");
    const auto files = hf_tokenizer_files(*file, 1024);
    expect_equal(*parse_hf_tokenizer(
                     {.tokenizer = files.at("tokenizer.json"), .config = files.at("tokenizer_config.json")}),
                 c, "GGUF as tokenizer.json");
    ++cases;
  }
  EXPECT_EQ(cases, 2);
}

// And the other way round, where a GGUF can say it at all.
TEST(SentencePieceGolden, TokenizerJsonAsGguf) {
  char name[] = "/tmp/fettle-spm-XXXXXX";
  const std::filesystem::path folder = ::mkdtemp(name);
  int cases = 0;
  for (const json& c : golden()["cases"]) {
    write_atomic(folder / "tokenizer.json", hf_json(c).dump());
    const int64_t rows = parse_hf_tokenizer({.tokenizer = hf_json(c).dump()})->vocab_size();
    GgufMetadata metadata;
    if (c["gguf"].is_null()) {
      EXPECT_THROW(set_gguf_tokenizer(folder, rows, metadata), Error) << c["name"];
      continue;
    }
    set_gguf_tokenizer(folder, rows, metadata);
    expect_equal(*testing::tokenizer_of(metadata, "made.gguf"), c, "tokenizer.json as GGUF");
    ++cases;
  }
  EXPECT_EQ(cases, 2);
  std::filesystem::remove_all(folder);
}
}  // namespace

}  // namespace fettle
