#include "token/bpe_tokenizer.h"

#include <fmt/format.h>

#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {
BpeModel model_of(const Vocabulary& vocabulary, const TextRules& rules, BpeTokenizerParts& parts) {
  FETTLE_CHECK(int64_t(parts.in_model.size()) == vocabulary.size());
  BpeModel model = std::move(parts.model);
  model.bytes.resize(parts.in_model.size());
  for (size_t id = 0; id < model.bytes.size(); ++id) {
    if (parts.in_model[id]) model.bytes[id] = rules.spelled(vocabulary.form(int32_t(id)));
  }
  return model;
}

std::vector<AddedToken> raw(const std::vector<AddedToken>& added) {
  std::vector<AddedToken> tokens;
  for (const AddedToken& token : added) {
    if (!token.normalized) tokens.push_back(token);
  }
  return tokens;
}

std::vector<AddedToken> normalized(const std::vector<AddedToken>& added, const TextRules& rules,
                                   const std::string& where) {
  std::vector<AddedToken> tokens;
  std::unordered_set<std::string> contents;
  for (AddedToken token : added) {
    if (!token.normalized) continue;
    token.content = rules.normalized(token.content, {});
    if (!contents.insert(token.content).second) {
      throw Error({.what = fmt::format("two added tokens are both \"{}\" in normalised text", token.content),
                   .where = where,
                   .hint = "one of them can never be found; set its \"normalized\" to false"});
    }
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

BpeTokenizer::BpeTokenizer(std::unique_ptr<const Vocabulary> vocabulary,
                           std::unique_ptr<const TextRules> rules, BpeTokenizerParts parts)
    : vocabulary_(std::move(vocabulary)),
      rules_(std::move(rules)),
      bpe_(model_of(*vocabulary_, *rules_, parts)),
      added_(raw(parts.added)),
      added_normalized_(normalized(parts.added, *rules_, vocabulary_->where())),
      special_(parts.special) {}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text, bool parse_special) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 4 + 4);
  for (size_t at = 0; at < text.size();) {
    bool valid = true;
    const size_t end = stretch_end(text, at, valid);
    const std::string_view stretch = text.substr(at, end - at);
    if (valid) {
      encode_valid(stretch, parse_special, {.first = at == 0, .fresh = at == 0}, ids);
    } else {
      bpe_.encode(stretch, ids);
    }
    at = end;
  }
  return ids;
}

void BpeTokenizer::encode_valid(std::string_view text, bool parse_special, Place place,
                                std::vector<int32_t>& ids) const {
  for (const Segment& segment : added_.split(text, parse_special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      encode_normalized(rules_->normalized(segment.text, place), parse_special, place, ids);
    }
    place = {.first = false, .fresh = segment.id >= 0};
  }
}

void BpeTokenizer::encode_normalized(std::string_view text, bool parse_special, Place place,
                                     std::vector<int32_t>& ids) const {
  std::string room;
  for (const Segment& segment : added_normalized_.split(text, parse_special)) {
    if (segment.id >= 0) {
      ids.push_back(segment.id);
    } else {
      for (std::string_view piece : rules_->pieces(segment.text, place, room)) bpe_.encode(piece, ids);
    }
    place = {.first = false, .fresh = segment.id >= 0};
  }
}

TokenKind BpeTokenizer::kind(int32_t id) const {
  FETTLE_CHECK(id >= 0, "token {} of {}", id, vocab_size());
  return id < vocab_size() ? vocabulary_->kind(id) : TokenKind::unused;
}

std::string BpeTokenizer::bytes_of(int32_t id) const {
  const TokenKind what = kind(id);
  if (id >= vocab_size()) return "";
  const std::string& form = vocabulary_->form(id);
  return what == TokenKind::control ? form : rules_->bytes_of(form, what);
}

std::string BpeTokenizer::describe() const {
  const std::string lost =
      bpe_.missing_bytes() > 0 ? fmt::format(", {} byte values without a token", bpe_.missing_bytes()) : "";
  return fmt::format("{}, {} tokens{}", rules_->describe(), vocab_size(), lost);
}

}  // namespace fettle
