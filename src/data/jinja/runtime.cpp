#include "data/jinja/runtime.h"

#include <fmt/format.h>

#include <algorithm>

namespace fettle::jinja {

void Scope::set(std::string_view name, Value value) {
  const auto known =
      std::find_if(names.begin(), names.end(), [&](const auto& one) { return one.first == name; });
  if (known != names.end())
    known->second = std::move(value);
  else
    names.emplace_back(name, std::move(value));
}

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope; scope = scope->parent)
    for (const auto& [known, value] : scope->names)
      if (known == name) return &value;
  return nullptr;
}

std::optional<Value> Namespace::attribute(Runtime&, std::string_view name) const {
  const Value* value = attributes_.find(name);
  return value ? std::optional(*value) : std::nullopt;
}

void Runtime::spend(int64_t steps) {
  if (steps > steps_) throw Failure{fmt::format("it takes more than {} steps", limits_.steps)};
  steps_ -= steps;
}

Runtime::Nest::Nest(Runtime& runtime, int line) : runtime_(runtime) {
  runtime.spend(1);
  if (runtime.depth_ >= runtime.limits_.depth)
    throw Failure{
        fmt::format("blocks, expressions and calls are nested more than {} deep", runtime.limits_.depth)};
  ++runtime.depth_;
  runtime.line_ = line;
}

Runtime::Enter::Enter(Runtime& runtime, const Scope* parent)
    : runtime_(runtime), before_(runtime.scope_), captures_(runtime.captures_) {
  runtime.scope_ = &runtime.scopes_.emplace_back(Scope{parent, {}});
}

Runtime::Enter::~Enter() {
  if (runtime_.captures_ == captures_) runtime_.scopes_.pop_back();
  runtime_.scope_ = before_;
}

Runtime::Capture::Capture(Runtime& runtime) : runtime_(runtime), before_(runtime.out_) {
  runtime.out_ = &text_;
}

const Scope* Runtime::captured_scope() {
  ++captures_;
  return scope_;
}

void Runtime::write(std::string_view text) {
  spend_bytes(text.size());
  if (out_->size() + text.size() > limits_.output_bytes)
    throw Failure{fmt::format("it writes more than {} bytes", limits_.output_bytes)};
  out_->append(text);
}

}  // namespace fettle::jinja
