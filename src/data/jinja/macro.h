// Macros: named pieces of a template that are called with arguments and give back what they write.
#pragma once

#include "data/jinja/nodes.h"

namespace fettle::jinja {

class MacroObject final : public Object {
 public:
  /// `around`: the scope it was defined in, whose names it sees.
  MacroObject(const Macro& macro, const Scope* around) : macro_(macro), around_(around) {}

  std::string_view kind() const override { return "a macro"; }
  bool callable() const override { return true; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) const override;
  /// Arguments beyond its parameters are `varargs` and `kwargs` in its body, `caller` among them is the body
  /// of the call block.
  Value call(Runtime& runtime, const Arguments& arguments) const override;

 private:
  void bind(Runtime& runtime, const Arguments& arguments) const;
  void bind_further(Scope& scope, const Arguments& arguments, size_t taken) const;

  const Macro& macro_;
  const Scope* around_;
};

}  // namespace fettle::jinja
