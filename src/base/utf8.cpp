#include "base/utf8.h"

#include <utf8proc.h>

namespace fettle {

namespace {
// Bytes a lead byte promises; 0 for a byte that cannot lead.
int promised_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

utf8proc_ssize_t iterate(std::string_view text, size_t at, utf8proc_int32_t* code_point) {
  return utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + at),
                          utf8proc_ssize_t(text.size() - at), code_point);
}
}  // namespace

char32_t next_code_point(std::string_view text, size_t& at) {
  utf8proc_int32_t code_point = 0;
  const utf8proc_ssize_t n = iterate(text, at, &code_point);
  if (n <= 0) {
    ++at;
    return U'\uFFFD';
  }
  at += size_t(n);
  return char32_t(code_point);
}

void append_utf8(std::string& out, char32_t code_point) {
  utf8proc_uint8_t bytes[4];
  const utf8proc_ssize_t n = utf8proc_encode_char(utf8proc_int32_t(code_point), bytes);
  out.append(reinterpret_cast<const char*>(bytes), size_t(n));
}

bool valid_utf8(std::string_view text) {
  utf8proc_int32_t code_point = 0;
  for (size_t at = 0; at < text.size();) {
    const utf8proc_ssize_t n = iterate(text, at, &code_point);
    if (n <= 0) return false;
    at += size_t(n);
  }
  return true;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) append_utf8(out, next_code_point(text, at));
  return out;
}

size_t complete_utf8_prefix(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const auto byte = static_cast<unsigned char>(text[text.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;  // a continuation byte: look further back for its lead
    return promised_length(byte) > int(back) ? text.size() - back : text.size();
  }
  return text.size();
}

int display_width(std::string_view text) {
  int width = 0;
  for (size_t at = 0; at < text.size();)
    width += utf8proc_charwidth(utf8proc_int32_t(next_code_point(text, at)));
  return width;
}

}  // namespace fettle
