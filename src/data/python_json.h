// JSON as Python's json module writes it: tool descriptions and calls are learnt in exactly that form.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace fettle {

/// Reads a JSON text, keys in file order. Error begins with `called` and says what is wrong, at which byte.
/// Whole numbers beyond 64 bits, which Python alone would write back unchanged, are an Error too.
nlohmann::ordered_json read_python_json(std::string_view text, std::string_view called);

/// json.dumps(value, ensure_ascii=False): ", " and ": " between the parts, floats by their shortest digits.
/// With `indent`, as json.dumps(…, indent=indent): every part on a line of its own.
std::string python_json(const nlohmann::ordered_json& value, int indent = 0);

}  // namespace fettle
