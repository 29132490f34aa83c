// A template as a tree. Expressions have a value, statements write.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/jinja/runtime.h"

namespace fettle::jinja {

class Expression {
 public:
  explicit Expression(int line) : line_(line) {}
  virtual ~Expression() = default;
  int line() const { return line_; }
  Value value(Runtime& runtime) const {
    const Runtime::Nest nest(runtime, line_);
    return compute(runtime);
  }
  /// What it evaluates to as the thing that a call calls: a name's error differs there.
  virtual Value call(Runtime& runtime, const Arguments& arguments) const;

 private:
  virtual Value compute(Runtime& runtime) const = 0;
  int line_;
};
using ExpressionPtr = std::unique_ptr<const Expression>;

/// What a statement asks of the loop around it.
enum class Flow : uint8_t { on, break_loop, continue_loop };

class Statement {
 public:
  explicit Statement(int line) : line_(line) {}
  virtual ~Statement() = default;
  Flow run(Runtime& runtime) const {
    const Runtime::Nest nest(runtime, line_);
    return execute(runtime);
  }

 protected:
  int line() const { return line_; }

 private:
  virtual Flow execute(Runtime& runtime) const = 0;
  int line_;
};
using StatementPtr = std::unique_ptr<const Statement>;

struct Body {
  std::vector<StatementPtr> statements;

  Flow run(Runtime& runtime) const;
};

/// The arguments of a call as written, `*list` and `**dict` among them.
struct ArgumentList {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest, named_rest;  // null: none

  Arguments evaluate(Runtime& runtime) const;
};

/// What is assigned to: a name, an attribute of a namespace, or several of them.
struct Target {
  std::string name, attribute;
  std::vector<Target> parts;  // empty: one name

  void assign(Runtime& runtime, const Value& value) const;
};

/// The parameters of a macro or a call block; those with defaults come last.
struct Signature {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults;
};

ExpressionPtr literal(int line, Value value);
ExpressionPtr name_lookup(int line, std::string name);
ExpressionPtr list_of(int line, std::vector<ExpressionPtr> items, bool tuple);
ExpressionPtr dict_of(int line, std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items);
ExpressionPtr attribute_of(int line, ExpressionPtr subject, std::string name);
ExpressionPtr item_of(int line, ExpressionPtr subject, ExpressionPtr key);
/// Each bound may be null.
ExpressionPtr slice_of(int line, ExpressionPtr subject, ExpressionPtr begin, ExpressionPtr end,
                       ExpressionPtr step);
ExpressionPtr call_of(int line, ExpressionPtr callee, ArgumentList arguments);
/// `subject` null: the filter of a block, applied to what is given as `captured`.
ExpressionPtr filter_of(int line, ExpressionPtr subject, std::string name, ArgumentList arguments);
ExpressionPtr test_of(int line, ExpressionPtr subject, std::string name, ArgumentList arguments);
ExpressionPtr negation(int line, ExpressionPtr operand);  // `not`
ExpressionPtr signed_of(int line, ExpressionPtr operand, bool minus);
ExpressionPtr arithmetic_of(int line, std::string_view sign, ExpressionPtr left, ExpressionPtr right);
ExpressionPtr concatenation(int line, std::vector<ExpressionPtr> parts);
ExpressionPtr logic_of(int line, bool is_and, ExpressionPtr left, ExpressionPtr right);
/// a < b <= c: each sign stands before its operand. "in" and "not in" are signs too.
ExpressionPtr comparison(int line, ExpressionPtr first,
                         std::vector<std::pair<std::string, ExpressionPtr>> rest);
/// `otherwise` null: undefined.
ExpressionPtr choice(int line, ExpressionPtr condition, ExpressionPtr then, ExpressionPtr otherwise);

/// The text that a filter block or a block `set` has captured, as the innermost subject of its filters.
inline constexpr std::string_view kCaptured = " captured";

struct Branch {
  ExpressionPtr condition;  // null: else
  Body body;
};
struct Loop {
  Target target;
  ExpressionPtr iterated, condition;  // no condition: every item
  bool recursive = false;
  Body body, otherwise;
};
struct Macro {
  std::string name;
  Signature signature;
  Body body;
  bool uses_varargs = false, uses_kwargs = false;  // else arguments beyond its parameters are refused
};

StatementPtr text_output(int line, std::string text);
StatementPtr print_of(int line, ExpressionPtr value);
StatementPtr if_of(int line, std::vector<Branch> branches);
StatementPtr for_of(int line, Loop loop);
StatementPtr jump(int line, Flow flow);
StatementPtr set_of(int line, Target target, ExpressionPtr value);
/// `filters` null: the text as it is.
StatementPtr set_block(int line, Target target, ExpressionPtr filters, Body body);
StatementPtr filter_block(int line, ExpressionPtr filters, Body body);
StatementPtr macro_definition(int line, Macro macro);
/// `callee` is called with `arguments`; the body is its `caller`.
StatementPtr call_block(int line, ExpressionPtr callee, ArgumentList arguments, Macro caller);
StatementPtr with_of(int line, std::vector<std::pair<Target, ExpressionPtr>> values, Body body);
StatementPtr generation_of(int line, Body body);

}  // namespace fettle::jinja
