// Signs in a sample's text that something went wrong before it came here.
#pragma once

#include <string>
#include <string_view>

namespace fettle {

/// Why the text looks as if it had been read in the wrong encoding: U+FFFD, UTF-8 taken for Latin-1 or GBK
/// and the reverse, control characters. Empty when it does not.
std::string encoding_sign(std::string_view text);

/// What the text opens and does not close, or the reverse: "```", "<think>". Empty when nothing.
std::string unclosed_sign(std::string_view text);

/// The language a text is written in, as far as its letters and its commonest words tell: "Chinese",
/// "English", "Cyrillic". Empty when it is too short or too mixed to tell.
std::string_view language_of(std::string_view text);

/// Letters and digits in lower case, nothing else: texts that differ in spaces, punctuation or ASCII case
/// become equal.
std::string normalized_text(std::string_view text);

}  // namespace fettle
