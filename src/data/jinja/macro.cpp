#include "data/jinja/macro.h"

#include <fmt/format.h>

#include <algorithm>

namespace fettle::jinja {

std::optional<Value> MacroObject::attribute(Runtime&, std::string_view name) const {
  if (name == "name") return Value(macro_.name);
  return std::nullopt;
}

Value MacroObject::call(Runtime& runtime, const Arguments& arguments) const {
  const Runtime::Enter scope(runtime, around_);
  Runtime::Capture capture(runtime);
  bind(runtime, arguments);
  macro_.body.run(runtime);
  return capture.take();
}

void MacroObject::bind(Runtime& runtime, const Arguments& arguments) const {
  const auto& [names, defaults] = macro_.signature;
  const auto& positional = arguments.positional;
  std::vector<std::pair<Value, Value>> further;
  for (size_t i = 0; i < std::min(names.size(), positional.size()); ++i)
    runtime.scope().set(names[i], positional[i]);
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end() && name != "caller") {
      further.emplace_back(Value(name), value);
      continue;
    }
    if (known - names.begin() < int64_t(positional.size()) && known != names.end())
      throw Failure{fmt::format("macro `{}` is given `{}` twice", macro_.name, name)};
    runtime.scope().set(name, value);
  }
  const auto& own = runtime.scope().names;
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::any_of(own.begin(), own.end(), [&](const auto& one) { return one.first == names[i]; })) continue;
    const size_t first_default = names.size() - defaults.size();
    runtime.scope().set(
        names[i], i < first_default ? Value::undefined(fmt::format("parameter `{}` was not given", names[i]))
                                    : defaults[i - first_default]->value(runtime));
  }
  const size_t taken = std::min(names.size(), positional.size());
  runtime.scope().set("varargs", Value::list({positional.begin() + int64_t(taken), positional.end()}, true));
  runtime.scope().set("kwargs", Value::dict(std::move(further)));
}

}  // namespace fettle::jinja
