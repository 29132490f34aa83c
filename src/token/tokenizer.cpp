#include "token/tokenizer.h"

#include <utility>

#include "base/utf8.h"

namespace fettle {

namespace {
bool is_text(TokenKind kind) {
  return kind != TokenKind::control && kind != TokenKind::unknown;
}
}  // namespace

std::string Tokenizer::decode(std::span<const int32_t> ids, bool skip_special) const {
  std::string bytes;
  for (int32_t id : ids) {
    if (!skip_special || is_text(kind(id))) bytes += bytes_of(id);
  }
  if (drops_first_space() && bytes.starts_with(' ')) bytes.erase(0, 1);
  return repaired_utf8(bytes);
}

std::string StreamDecoder::push(int32_t id) {
  if (!is_text(tokenizer_.kind(id))) return "";
  pending_ += tokenizer_.bytes_of(id);
  if (!begun_ && !pending_.empty()) {
    begun_ = true;
    if (tokenizer_.drops_first_space() && pending_.starts_with(' ')) pending_.erase(0, 1);
  }
  const size_t whole = complete_utf8_prefix(pending_);
  std::string text = repaired_utf8(std::string_view(pending_).substr(0, whole));
  pending_.erase(0, whole);
  return text;
}

std::string StreamDecoder::finish() {
  return repaired_utf8(std::exchange(pending_, {}));
}

}  // namespace fettle
