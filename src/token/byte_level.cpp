#include "token/byte_level.h"

#include <array>
#include <cstdint>

#include "base/utf8.h"

namespace fettle {

namespace {
constexpr char32_t kFirstStandIn = 0x100;
constexpr int kStandIns = 68;  // bytes that do not print: they take the characters from U+0100 on, in order

constexpr bool prints(int byte) {
  return (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
}

struct Alphabet {
  std::array<char32_t, 256> character{};
  std::array<uint8_t, kFirstStandIn + kStandIns> byte{};  // by character; meaningless where `known` is false
  std::array<bool, kFirstStandIn + kStandIns> known{};

  constexpr Alphabet() {
    char32_t stand_in = kFirstStandIn;
    for (int b = 0; b < 256; ++b) {
      character[b] = prints(b) ? char32_t(b) : stand_in++;
      byte[character[b]] = uint8_t(b);
      known[character[b]] = true;
    }
  }
};
constexpr Alphabet kAlphabet;
}  // namespace

std::optional<std::string> bytes_of_byte_level(std::string_view form) {
  std::string bytes;
  for (size_t at = 0; at < form.size();) {
    const char32_t c = next_code_point(form, at);
    if (c >= kAlphabet.known.size() || !kAlphabet.known[c]) return std::nullopt;
    bytes += char(kAlphabet.byte[c]);
  }
  return bytes;
}

std::string byte_level_form(std::string_view bytes) {
  std::string form;
  for (char b : bytes) append_utf8(form, kAlphabet.character[uint8_t(b)]);
  return form;
}

}  // namespace fettle
