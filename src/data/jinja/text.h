// Texts as Python sees them: by code points, with its idea of white space, case and printing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "data/jinja/value.h"

namespace fettle::jinja {

enum class Side : uint8_t { left, right, both };

/// Without white space (or, given `characters`, without any of those) on that side.
std::string_view strip(std::string_view text, Side side);
std::string_view strip(std::string_view text, Side side, std::string_view characters);

bool is_white_space(char32_t c);

/// Its characters, each a text of its own; what slicing and indexing count.
std::vector<std::string_view> characters(std::string_view text);
int64_t character_count(std::string_view text);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// First letter large, the others small.
std::string capitalized(std::string_view text);

/// str.title(): a letter is large where no letter stands before it.
std::string title(std::string_view text);
/// The first `most` (-1: all) of the places of `old` replaced; an empty `old` stands between all characters.
std::string replaced(Runtime& runtime, std::string_view text, std::string_view old, std::string_view with,
                     int64_t most);

/// str(value): what {{ value }} writes.
std::string to_text(Runtime& runtime, const Value& value);
/// repr(value): strings in quotes, as inside of a printed list.
std::string to_repr(Runtime& runtime, const Value& value);

}  // namespace fettle::jinja
