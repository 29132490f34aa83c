// links: data
// Any text is a chat template or an Error, and every template ends within its limits with valid UTF-8. The
// input is the template; it is given a short conversation with a tool.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"
#include "data/jinja/template.h"

using namespace fettle;

namespace {
const nlohmann::ordered_json& variables() {
  static const auto all = nlohmann::ordered_json::parse(R"({
    "messages": [{"role": "system", "content": "Быстро"}, {"role": "user", "content": " a\nb "},
                 {"role": "assistant", "content": null, "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.5}}}]},
                 {"role": "tool", "content": "[1]"}],
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"x": {"type": "number"}}}}}],
    "m": [{"role": "user", "content": "x"}], "a": [3, 1, 2], "d": {"b": 2, "a": true}, "s": "  Hé ", "f": -1.5,
    "n": null, "add_generation_prompt": true, "bos_token": "<s>"})");
  return all;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const JinjaLimits limits{.steps = 100'000, .depth = 200, .output_bytes = 1 << 20};
  try {
    const JinjaTemplate chat({reinterpret_cast<const char*>(data), size}, "fuzz");
    const JinjaRendering made = chat.render(variables(), std::tm{}, limits);
    if (!valid_utf8(made.text) || made.text.size() > limits.output_bytes) std::abort();
    for (const auto& [begin, end] : made.generations)
      if (begin > end || end > made.text.size()) std::abort();
  } catch (const Error&) {
  }
  return 0;
}
