// links: token
// Any tokenizer.json is a tokenizer or an Error; of a tokenizer's ids every one decodes, and a vocabulary
// with all bytes gives back the text. The input is tokenizer.json, a zero byte, and the text to encode.
#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "token/load_hf.h"

using namespace fettle;

namespace {
// Bytes without a token, NFC and added tokens (by the white space they take along) may change the text, and
// so may space marks: one written out is a space again.
bool keeps_text(const Tokenizer& tokenizer) {
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    const TokenKind kind = tokenizer.kind(id);
    if (kind != TokenKind::normal && kind != TokenKind::unused) return false;
  }
  const std::string what = tokenizer.describe();
  for (const char* change : {"without a token", "NFC", "SentencePiece"}) {
    if (what.find(change) != what.npos) return false;
  }
  return true;
}

void expect_round_trip(const Tokenizer& tokenizer, std::string_view text) {
  for (bool parse_special : {false, true}) {
    std::string bytes;
    StreamDecoder stream(tokenizer);
    std::string streamed;
    const auto ids = tokenizer.encode(text, parse_special);
    for (int32_t id : ids) {
      if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
      bytes += tokenizer.bytes_of(id);
      streamed += stream.push(id);
    }
    streamed += stream.finish();
    if (streamed != tokenizer.decode(ids, /*skip_special=*/true)) std::abort();
    if (keeps_text(tokenizer) && bytes != text) std::abort();
  }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t zero = std::min(input.find('\0'), size);
  try {
    const auto tokenizer = parse_hf_tokenizer({.tokenizer = std::string(input.substr(0, zero))});
    expect_round_trip(*tokenizer, input.substr(std::min(zero + 1, size)));
  } catch (const Error&) {
  }
  return 0;
}
