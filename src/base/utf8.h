// UTF-8 without surprises.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fettle {

/// Decodes one code point at `at` and advances it. Broken bytes give U+FFFD and advance by one.
char32_t next_code_point(std::string_view text, size_t& at);
void append_utf8(std::string& out, char32_t code_point);
bool valid_utf8(std::string_view text);
/// Broken sequences replaced by U+FFFD.
std::string repaired_utf8(std::string_view text);
/// Length of the longest prefix that ends on a character boundary, given that more bytes may follow.
size_t complete_utf8_prefix(std::string_view text);
/// Terminal columns (East Asian wide = 2), by utf8proc.
int display_width(std::string_view text);

}  // namespace fettle
