// Tokens to a tree, by the grammar of Jinja 3.1 less what needs other files (include, import, extends,
// block).
#pragma once

#include <string_view>

#include "data/jinja/lexer.h"
#include "data/jinja/nodes.h"

namespace fettle::jinja {

/// SyntaxFailure says what stands where something else must.
Body parse(std::string_view source);

}  // namespace fettle::jinja
