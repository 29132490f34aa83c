// JSON as Python's json module writes it: tool descriptions and calls are learnt in exactly that form.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <string>
#include <string_view>

namespace fettle {

/// Reads a JSON text, keys in file order. Error begins with `called` and says what is wrong, at which byte.
/// Whole numbers beyond 64 bits, which Python alone would write back unchanged, are an Error too.
nlohmann::ordered_json read_python_json(std::string_view text, std::string_view called);

struct PythonJsonStyle {
  std::string indent;  // of one level; empty: all on one line
  bool ensure_ascii = false;
  std::string between_items = ", ", behind_key = ": ";
};

/// json.dumps(value, …) in that style.
std::string python_json(const nlohmann::ordered_json& value, const PythonJsonStyle& style);

/// json.dumps(value, ensure_ascii=False): ", " and ": " between the parts, floats by their shortest digits.
/// With `indent`, as json.dumps(…, indent=indent): every part on a line of its own.
std::string python_json(const nlohmann::ordered_json& value, int indent = 0);

/// repr(value): shortest digits that read back the same, plain from 1e-4 to below 1e16; "inf" and "nan".
std::string python_float(double value);

}  // namespace fettle
