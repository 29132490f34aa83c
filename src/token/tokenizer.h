// Text to ids and back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace fettle {

class GgufFile;

enum class TokenKind : uint8_t { normal, control, user_defined, byte, unknown, unused };

/// Ids of the special tokens a vocabulary declares; -1 where it has none.
struct SpecialIds {
  int32_t bos = -1, eos = -1, pad = -1, unk = -1;
  bool add_bos = false, add_eos = false;  // what the tokenizer itself puts around a text when asked to
};

/// Thread-safe after construction.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// Ids of `text`, without bos/eos. With parse_special, special tokens written out in the text
  /// ("<|im_end|>") become their ids; without it they are text like any other. Added non-special tokens are
  /// always matched.
  virtual std::vector<int32_t> encode(std::string_view text, bool parse_special) const = 0;

  /// The bytes of one token (not always whole UTF-8). Control tokens give their written form. An id past the
  /// last token, which a model with more rows than tokens can choose, is unused and has no bytes.
  virtual std::string bytes_of(int32_t id) const = 0;
  virtual TokenKind kind(int32_t id) const = 0;
  virtual int64_t vocab_size() const = 0;
  /// The id of a token by its written form ("<|im_end|>"), control tokens included.
  virtual std::optional<int32_t> id_of(std::string_view token) const = 0;
  virtual const SpecialIds& special() const = 0;
  /// What it is, for `inspect`: "byte-level BPE, pre-tokenizer smollm, 49152 tokens".
  virtual std::string describe() const = 0;

  /// Whether decoded text begins without the space that the first of them may have: a vocabulary that writes
  /// the first word of a text like any other, "▁the".
  virtual bool drops_first_space() const { return false; }

  /// Text of ids; control tokens and a file's unknown token are left out with skip_special. Broken UTF-8
  /// becomes U+FFFD.
  std::string decode(std::span<const int32_t> ids, bool skip_special) const;
};

/// From a GGUF file's tokenizer.ggml.* metadata; from a folder's tokenizer.json (with tokenizer_config.json
/// and special_tokens_map.json beside it where present). Error with the file and key for anything not
/// understood.
std::shared_ptr<const Tokenizer> load_tokenizer(const GgufFile& file);
std::shared_ptr<const Tokenizer> load_tokenizer(const std::filesystem::path& folder);

/// Decodes a stream of ids into text that is always whole UTF-8: bytes wait until their character is
/// complete.
class StreamDecoder {
 public:
  explicit StreamDecoder(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}
  std::string push(int32_t id);  // text that became complete; control and unknown tokens give nothing
  std::string finish();          // what is left, broken bytes as U+FFFD

 private:
  const Tokenizer& tokenizer_;
  std::string pending_;
  bool begun_ = false;  // text was there, so that a space is no first space any more
};

}  // namespace fettle
