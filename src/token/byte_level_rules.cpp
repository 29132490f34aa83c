#include <fmt/format.h>

#include "token/byte_level.h"
#include "token/normalizer.h"
#include "token/text_rules.h"

namespace fettle {

std::string ByteLevelRules::normalized(std::string_view text, Place) const {
  return nfc_ ? nfc(text) : std::string(text);
}

std::vector<std::string_view> ByteLevelRules::pieces(std::string_view text, Place, std::string&) const {
  return pretokenizer_.split(text);
}

// A form outside the alphabet can only be decoded: no piece of text is ever written like that.
std::string ByteLevelRules::spelled(const std::string& form) const {
  return bytes_of_byte_level(form).value_or("");
}

// Added tokens are plain text.
std::string ByteLevelRules::bytes_of(const std::string& form, TokenKind kind) const {
  return kind == TokenKind::normal ? bytes_of_byte_level(form).value_or(form) : form;
}

std::string ByteLevelRules::describe() const {
  return fmt::format("byte-level BPE, pre-tokenizer {}{}", pretokenizer_.row().name, nfc_ ? ", NFC" : "");
}

}  // namespace fettle
