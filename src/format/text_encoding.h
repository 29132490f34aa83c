// Text files that are not UTF-8: told with the byte, and a guess at what they are.
#pragma once

#include <string>
#include <string_view>

namespace fettle {

/// Bytes of a UTF-8 byte order mark at the beginning of `text`: 3 or 0.
size_t byte_order_mark(std::string_view text);

/// Throws Error when `text` begins as UTF-16 or UTF-32 does, with a byte order mark or without.
void refuse_wide_text(std::string_view text, const std::string& label);

/// Throws Error naming the first byte of text[0, end) that is not UTF-8: its line, its offset in the file and
/// the encoding it looks like. Does nothing when there is none.
void refuse_other_encodings(std::string_view text, size_t end, const std::string& label);

/// "line:column" of an offset, both from 1; columns count characters, a byte order mark is none.
std::string line_column(std::string_view text, size_t at);

/// What to do about punctuation of a keyboard for Chinese or a word processor that stands where `reader`
/// ("JSON") wants its plain twin: at text[at], or the first in `text`; "" when there is none.
std::string look_alike_at(std::string_view text, size_t at, std::string_view reader);
std::string look_alike_in(std::string_view text, std::string_view reader);

}  // namespace fettle
