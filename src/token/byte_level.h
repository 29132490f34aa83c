// The byte-level alphabet of GPT-2's vocabularies: a printable character for each of the 256 bytes.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace fettle {

/// The bytes that `form` writes in the alphabet ("Ġthe" → " the"); nothing when a character is not of the
/// alphabet.
std::optional<std::string> bytes_of_byte_level(std::string_view form);

/// Any bytes written in the alphabet.
std::string byte_level_form(std::string_view bytes);

}  // namespace fettle
