#include "token/tokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace fettle {

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (int32_t id : ids) {
    if (!skip_special || kind(id) != TokenKind::control) bytes += bytes_of(id);
  }
  return repaired_utf8(bytes);
}

std::string StreamDecoder::push(int32_t id) {
  if (tokenizer_.kind(id) == TokenKind::control) return "";
  pending_ += tokenizer_.bytes_of(id);
  const size_t whole = complete_utf8_prefix(pending_);
  std::string text = repaired_utf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return text;
}

std::string StreamDecoder::finish() {
  return repaired_utf8(std::exchange(pending_, {}));
}

}  // namespace fettle
