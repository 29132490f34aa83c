// For tests: a tokenizer held to what the reference libraries said.
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "format/gguf.h"
#include "format/gguf_writer.h"
#include "token/tokenizer.h"

namespace fettle::testing {

inline nlohmann::json golden_file(const std::string& name) {
  return nlohmann::json::parse(std::ifstream(FETTLE_SOURCE_DIR "/tests/golden/" + name));
}

/// The tokenizer of a GGUF file with this metadata.
inline std::shared_ptr<const Tokenizer> tokenizer_of(const GgufMetadata& metadata, std::string label) {
  std::vector<std::byte> bytes;
  write_gguf([&](std::span<const std::byte> part) { bytes.insert(bytes.end(), part.begin(), part.end()); },
             metadata, {});
  return load_tokenizer(*GgufFile::parse(bytes, std::move(label)));
}

/// Both ways to encode every text of a case, both ways to decode it, and decoding as a stream.
inline void expect_equal(const Tokenizer& tokenizer, const nlohmann::json& golden_case,
                         const std::string& how) {
  ASSERT_FALSE(golden_case["texts"].empty());
  for (const nlohmann::json& t : golden_case["texts"]) {
    const std::string text = t["text"],
                      where = golden_case["name"].get<std::string>() + ", " + how + ": " + t.dump();
    const std::vector<int32_t> ids = tokenizer.encode(text, true);
    EXPECT_EQ(ids, t["special"].get<std::vector<int32_t>>()) << where;
    EXPECT_EQ(tokenizer.encode(text, false), t["plain"].get<std::vector<int32_t>>()) << where;
    EXPECT_EQ(tokenizer.decode(ids, false), t["decoded"]) << where;
    EXPECT_EQ(tokenizer.decode(ids, true), t["skipped"]) << where;
    StreamDecoder stream(tokenizer);
    std::string streamed;
    for (int32_t id : ids) streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), t["skipped"]) << where;
  }
}

}  // namespace fettle::testing
