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
  Scope& scope = runtime.scope();
  const size_t taken = std::min(names.size(), arguments.positional.size());
  for (size_t i = 0; i < taken; ++i) scope.set(names[i], arguments.positional[i]);
  bind_further(scope, arguments, taken);
  const size_t given = scope.names.size(), first_default = names.size() - defaults.size();
  for (size_t i = taken; i < names.size(); ++i) {
    const auto end = scope.names.begin() + int64_t(given);
    if (std::any_of(scope.names.begin(), end, [&](const auto& one) { return one.first == names[i]; }))
      continue;
    // A default sees the parameters in front of it.
    Value value = i < first_default ? Value::undefined(fmt::format("parameter `{}` was not given", names[i]))
                                    : defaults[i - first_default]->value(runtime);
    scope.set(names[i], std::move(value));
  }
}

/// Arguments by name, and those beyond the parameters.
void MacroObject::bind_further(Scope& scope, const Arguments& arguments, size_t taken) const {
  const std::vector<std::string>& names = macro_.signature.names;
  std::vector<std::pair<Value, Value>> further;
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end() && name != "caller") {
      if (!macro_.uses_kwargs)
        throw Failure{fmt::format("macro `{}` has no parameter `{}`", macro_.name, name)};
      further.emplace_back(Value(name), value);
      continue;
    }
    if (known < names.begin() + int64_t(taken))
      throw Failure{fmt::format("macro `{}` is given `{}` twice", macro_.name, name)};
    scope.set(name, value);
  }
  const auto& positional = arguments.positional;
  if (taken < positional.size() && !macro_.uses_varargs)
    throw Failure{fmt::format("macro `{}` takes {} arguments at most, not {}", macro_.name, names.size(),
                              positional.size())};
  if (macro_.uses_varargs)
    scope.set("varargs", Value::list({positional.begin() + int64_t(taken), positional.end()}, true));
  if (macro_.uses_kwargs) scope.set("kwargs", Value::dict(std::move(further)));
}

}  // namespace fettle::jinja
