// Variables of the environment as this front reads them.
#pragma once

#include <string>

namespace fettle::llamafactory {

/// The value without blanks at either end (Windows shells leave them); "" when unset.
std::string environment(const char* name);
/// LLaMA-Factory's rule for switches: true, y or 1 in any case, and YAML's other words for true.
bool environment_flag(const char* name);

}  // namespace fettle::llamafactory
