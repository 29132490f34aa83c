// Unicode normalisation of text before it is tokenized.
#pragma once

#include <string>
#include <string_view>

namespace fettle {

/// Normalization form C of valid UTF-8.
std::string nfc(std::string_view text);

}  // namespace fettle
