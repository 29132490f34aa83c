// A tokenizer that can be read by eye: one id per byte, one for a blank line, and the special tokens a test
// names.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "token/tokenizer.h"

namespace fettle {

class FakeTokenizer : public Tokenizer {
 public:
  static constexpr int32_t kFirstByte = 100, kBlankLine = 400;

  explicit FakeTokenizer(std::vector<std::string> specials, SpecialIds ids = {.bos = 0, .eos = 1})
      : specials_(std::move(specials)), ids_(ids) {}

  std::vector<int32_t> encode(std::string_view text, bool parse_special) const override {
    std::vector<int32_t> out;
    while (!text.empty()) {
      const auto [id, length] = next(text, parse_special);
      out.push_back(id);
      text.remove_prefix(length);
    }
    return out;
  }
  std::string bytes_of(int32_t id) const override {
    if (id == kBlankLine) return "\n\n";
    return id < kFirstByte ? specials_.at(size_t(id)) : std::string(1, char(id - kFirstByte));
  }
  TokenKind kind(int32_t id) const override {
    return id < kFirstByte ? TokenKind::control : TokenKind::normal;
  }
  int64_t vocab_size() const override { return kBlankLine + 1; }
  std::optional<int32_t> id_of(std::string_view token) const override {
    for (size_t i = 0; i < specials_.size(); ++i)
      if (specials_[i] == token) return int32_t(i);
    return std::nullopt;
  }
  const SpecialIds& special() const override { return ids_; }
  std::string describe() const override { return "bytes"; }

  /// Ids as text; −100 shows as "_".
  std::string show(std::span<const int32_t> ids) const {
    std::string out;
    for (int32_t id : ids) out += id == -100 ? "_" : bytes_of(id);
    return out;
  }

 private:
  std::pair<int32_t, size_t> next(std::string_view text, bool parse_special) const {
    for (size_t i = 0; parse_special && i < specials_.size(); ++i)
      if (text.starts_with(specials_[i])) return {int32_t(i), specials_[i].size()};
    if (text.starts_with("\n\n")) return {kBlankLine, 2};
    return {kFirstByte + int32_t(uint8_t(text[0])), 1};
  }

  std::vector<std::string> specials_;
  SpecialIds ids_;
};

/// Special tokens of every family in one vocabulary: <s> is BOS, </s> is EOS, no pad.
inline std::shared_ptr<const FakeTokenizer> fake_tokenizer(SpecialIds ids = {.bos = 0, .eos = 1}) {
  return std::make_shared<FakeTokenizer>(
      std::vector<std::string>{"<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|start_header_id|>",
                               "<|end_header_id|>", "<|eot_id|>", "<|end_of_text|>", "<|endoftext|>",
                               "<start_of_turn>", "<end_of_turn>"},
      ids);
}

}  // namespace fettle
