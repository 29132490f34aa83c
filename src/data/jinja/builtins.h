// What templates find ready: filters, tests, functions and methods, each a row of a table.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "data/jinja/runtime.h"

namespace fettle::jinja {

/// One call of a row, its arguments in the order of the row's parameters.
class Call {
 public:
  /// `given[i]` is null where the caller left the parameter out.
  Call(Runtime& in, std::string_view name, const Value& of, std::span<const std::string_view> names,
       std::vector<const Value*> given, const Arguments& arguments)
      : runtime(in), subject(of), all(arguments), name_(name), names_(names), given_(std::move(given)) {}

  Runtime& runtime;
  const Value& subject;  // what stands before the `|`, `is` or `.`
  const Arguments& all;  // for rows that take any arguments

  bool has(size_t i) const { return given_[i] != nullptr; }
  /// Failure when it was not given.
  const Value& value(size_t i) const;
  /// Each: `otherwise` when it was not given or None, Failure when it is of another kind.
  std::string text(size_t i, std::string_view otherwise) const;
  int64_t whole(size_t i, int64_t otherwise) const;
  bool flag(size_t i, bool otherwise) const { return has(i) ? given_[i]->truthy() : otherwise; }
  std::string text(size_t i) const;
  /// The subject, which must be a text.
  const std::string& subject_text() const;
  /// `{name}` of what, for Failures: "`join` of a dict".
  [[noreturn]] void fail(std::string_view what) const;

 private:
  std::string_view name_;
  std::span<const std::string_view> names_;
  std::vector<const Value*> given_;
};

struct Builtin {
  std::string_view name;
  /// Names with blanks between; "*": any arguments, which the row looks at itself.
  std::string_view parameters;
  Value (*run)(const Call& call);
};

std::span<const Builtin> text_filters();
std::span<const Builtin> list_filters();
std::span<const Builtin> value_filters();
std::span<const Builtin> value_tests();
std::span<const Builtin> global_functions();
std::span<const Builtin> text_methods();
std::span<const Builtin> list_methods();
std::span<const Builtin> dict_methods();

/// Null when there is none of that name.
const Builtin* find_filter(std::string_view name);
const Builtin* find_test(std::string_view name);
const Builtin* find_method(const Value& subject, std::string_view name);

/// Failure for arguments that the row does not take.
Value run_builtin(Runtime& runtime, const Builtin& row, const Value& subject, const Arguments& arguments);
/// The same for a method, which on a markup escapes its arguments.
Value call_method(Runtime& runtime, const Builtin& row, const Value& subject, const Arguments& arguments);
/// By name; Failure for one that is not known.
Value run_filter(Runtime& runtime, std::string_view name, const Value& subject, const Arguments& arguments);
bool run_test(Runtime& runtime, std::string_view name, const Value& subject, const Arguments& arguments);

/// subject.a.0.b: how `attribute=` names what to look at.
Value dotted(Runtime& runtime, const Value& subject, const Value& path);

/// tojson: json.dumps of the value.
Value to_json(const Call& call);

/// A function, or a method with its subject, as a value.
class BuiltinObject final : public Object {
 public:
  BuiltinObject(const Builtin& row, Value subject) : row_(row), subject_(std::move(subject)) {}
  std::string_view kind() const override { return "a function"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) const override {
    return call_method(runtime, row_, subject_, arguments);
  }

 private:
  const Builtin& row_;
  Value subject_;
};

}  // namespace fettle::jinja
