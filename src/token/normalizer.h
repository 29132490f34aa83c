// Unicode normalisation of text before it is tokenized.
#pragma once

#include <string>
#include <string_view>

namespace fettle {

/// Normalization form C of valid UTF-8, by utf8proc's Unicode tables. The reference library's are older: it
/// does not compose a letter with an accent behind one of 51 marks (U+11A99, …) that Unicode has ordered
/// since.
std::string nfc(std::string_view text);

}  // namespace fettle
