// Texts that went through `safe`, as markupsafe has them: what is put into one is escaped for HTML first.
#pragma once

#include "data/jinja/builtins.h"

namespace fettle::jinja {

/// `text` as a markup where `of` is one: what filters and operators make of a markup.
Value like(const Value& of, std::string text);
/// What a value prints as, with & < > ' " as HTML writes them; a markup as it stands.
std::string html_escaped(Runtime& runtime, const Value& value);
/// What stands behind a markup's `%`: numbers as they are, all else as its escaped text.
Value escaped_operand(Runtime& runtime, const Value& value);

/// A method of a markup, called: it escapes the texts it is given, but for those it only looks for, and gives
/// markups.
Value call_markup_method(Runtime& runtime, const Builtin& row, const Value& subject,
                         const Arguments& arguments);

}  // namespace fettle::jinja
