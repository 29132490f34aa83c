#include "data/jinja/template.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "data/jinja/builtins.h"
#include "data/jinja/json.h"
#include "data/jinja/parser.h"

namespace fettle {

namespace {

Error error_at(const std::string& name, int line, std::string what) {
  return Error({.what = std::move(what), .where = fmt::format("{}:{}", name, line), .hint = ""});
}

void define_variables(jinja::Runtime& runtime, const nlohmann::ordered_json& variables) {
  for (const jinja::Builtin& row : jinja::global_functions())
    runtime.scope().set(row.name, runtime.make<jinja::BuiltinObject>(row, jinja::Value()));
  for (const auto& [name, value] : variables.items()) runtime.scope().set(name, jinja::from_json(value));
}

}  // namespace

JinjaTemplate::JinjaTemplate(std::string_view source, std::string name) : name_(std::move(name)) {
  try {
    body_ = std::make_unique<const jinja::Body>(jinja::parse(source));
  } catch (const jinja::SyntaxFailure& failure) {
    throw error_at(name_, failure.line, failure.what);
  }
}

JinjaTemplate::~JinjaTemplate() = default;
JinjaTemplate::JinjaTemplate(JinjaTemplate&&) noexcept = default;
JinjaTemplate& JinjaTemplate::operator=(JinjaTemplate&&) noexcept = default;

JinjaRendering JinjaTemplate::render(const nlohmann::ordered_json& variables, const std::tm& now,
                                     const JinjaLimits& limits) const {
  jinja::Runtime runtime(limits, now);
  try {
    const jinja::Runtime::Enter scope(runtime, nullptr);
    define_variables(runtime, variables);
    body_->run(runtime);
  } catch (const jinja::Failure& failure) {
    throw error_at(name_, runtime.line(), failure.what);
  }
  return runtime.take();
}

}  // namespace fettle
