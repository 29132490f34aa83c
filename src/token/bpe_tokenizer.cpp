#include "token/bpe_tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"
#include "token/byte_level.h"
#include "token/normalizer.h"

namespace fettle {

namespace {
BpeModel model_of(const Vocabulary& vocabulary, BpeTokenizerParts& parts) {
  FETTLE_CHECK(int64_t(parts.in_model.size()) == vocabulary.size());
  BpeModel model{.merges = std::move(parts.merges),
                 .ignore_merges = parts.ignore_merges,
                 .unknown = parts.unknown,
                 .fuse_unknown = parts.fuse_unknown};
  model.bytes.resize(parts.in_model.size());
  for (size_t id = 0; id < model.bytes.size(); ++id) {
    // A form outside the alphabet can only be decoded: no piece of text is ever written like that.
    if (parts.in_model[id]) model.bytes[id] = bytes_of_byte_level(vocabulary.form(int32_t(id))).value_or("");
  }
  return model;
}

std::vector<AddedToken> select(const BpeTokenizerParts& parts, bool normalized) {
  std::vector<AddedToken> tokens;
  for (AddedToken token : parts.added) {
    if (token.normalized != normalized) continue;
    if (normalized && parts.nfc) token.content = nfc(token.content);
    tokens.push_back(std::move(token));
  }
  return tokens;
}

// The end of the stretch at `at` that is all valid UTF-8, or all broken bytes.
size_t stretch_end(std::string_view text, size_t at, bool& valid) {
  for (size_t begin = at, next = at; next < text.size();) {
    const size_t before = next;
    const bool broken = next_code_point(text, next) == U'\uFFFD' && next - before == 1;
    if (before == begin) valid = !broken;
    if (valid == broken) return before;
  }
  return text.size();
}
}  // namespace

BpeTokenizer::BpeTokenizer(std::unique_ptr<const Vocabulary> vocabulary, BpeTokenizerParts parts)
    : vocabulary_(std::move(vocabulary)),
      bpe_(model_of(*vocabulary_, parts)),
      pretokenizer_(*parts.pretokenizer),
      nfc_(parts.nfc),
      added_(select(parts, false)),
      added_normalized_(select(parts, true)),
      special_(parts.special) {}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text, bool parse_special) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 4);
  for (size_t at = 0; at < text.size();) {
    bool valid = true;
    const size_t end = stretch_end(text, at, valid);
    const std::string_view stretch = text.substr(at, end - at);
    if (valid) {
      encode_valid(stretch, parse_special, ids);
    } else {
      bpe_.encode(stretch, ids);
    }
    at = end;
  }
  return ids;
}

void BpeTokenizer::encode_valid(std::string_view text, bool parse_special, std::vector<int32_t>& ids) const {
  for (const Segment& segment : added_.split(text, parse_special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else if (nfc_) {
      encode_normalized(nfc(segment.text), parse_special, ids);
    } else {
      encode_normalized(segment.text, parse_special, ids);
    }
  }
}

void BpeTokenizer::encode_normalized(std::string_view text, bool parse_special,
                                     std::vector<int32_t>& ids) const {
  for (const Segment& segment : added_normalized_.split(text, parse_special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
      continue;
    }
    for (std::string_view piece : pretokenizer_.split(segment.text)) bpe_.encode(piece, ids);
  }
}

TokenKind BpeTokenizer::kind(int32_t id) const {
  FETTLE_CHECK(id >= 0 && id < vocab_size(), "token {} of {}", id, vocab_size());
  return vocabulary_->kind(id);
}

std::string BpeTokenizer::bytes_of(int32_t id) const {
  const bool is_text = kind(id) == TokenKind::normal;
  const std::string& form = vocabulary_->form(id);
  if (!is_text) return form;
  return bytes_of_byte_level(form).value_or(form);
}

std::string BpeTokenizer::describe() const {
  const std::string lost =
      bpe_.missing_bytes() > 0 ? fmt::format(", {} byte values without a token", bpe_.missing_bytes()) : "";
  return fmt::format("byte-level BPE, pre-tokenizer {}{}, {} tokens{}", pretokenizer_.row().name,
                     nfc_ ? ", NFC" : "", vocab_size(), lost);
}

}  // namespace fettle
