// How expressions get their values.
#include <fmt/format.h>

#include "data/jinja/builtins.h"
#include "data/jinja/nodes.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

Value call_value(Runtime& runtime, const Value& callee, const Arguments& arguments) {
  if (callee.is(Kind::undefined)) throw Failure{callee.missing()};
  if (!callee.is(Kind::object) || !callee.object()->callable())
    throw Failure{fmt::format("{} cannot be called", callee.kind_name())};
  return callee.object()->call(runtime, arguments);
}

/// Of one value that is computed by `Compute(Runtime&)`.
template <class Compute>
class Computed final : public Expression {
 public:
  Computed(int line, Compute compute) : Expression(line), compute_(std::move(compute)) {}

 private:
  Value compute(Runtime& runtime) const override { return compute_(runtime); }
  Compute compute_;
};

template <class Compute>
ExpressionPtr computed(int line, Compute compute) {
  return std::make_unique<Computed<Compute>>(line, std::move(compute));
}

class Attribute final : public Expression {
 public:
  Attribute(int line, ExpressionPtr subject, std::string name)
      : Expression(line), subject_(std::move(subject)), name_(std::move(name)) {}

  /// A method is run at once, without becoming a value in between.
  Value call(Runtime& runtime, const Arguments& arguments) const override {
    const Value subject = subject_->value(runtime);
    runtime.set_line(line());
    if (const Builtin* const method = find_method(subject, name_))
      return call_method(runtime, *method, subject, arguments);
    return call_value(runtime, attribute(runtime, subject, name_), arguments);
  }

 private:
  Value compute(Runtime& runtime) const override {
    const Value subject = subject_->value(runtime);
    runtime.set_line(line());
    return attribute(runtime, subject, name_);
  }
  ExpressionPtr subject_;
  std::string name_;
};

Value looked_up(Runtime& runtime, const std::string& name) {
  if (const Value* const value = runtime.scope().find(name)) return *value;
  return Value::undefined(fmt::format("`{}` is undefined", name));
}

bool compares(Runtime& runtime, std::string_view sign, const Value& a, const Value& b) {
  if (sign == "==") return equal(runtime, a, b);
  if (sign == "!=") return !equal(runtime, a, b);
  if (sign == "in") return contains(runtime, b, a);
  if (sign == "not in") return !contains(runtime, b, a);
  if (sign == "<") return less(runtime, a, b);
  if (sign == ">") return less(runtime, b, a);
  return less(runtime, sign == "<=" ? a : b, sign == "<=" ? b : a) || equal(runtime, a, b);
}

Value optional_value(Runtime& runtime, const ExpressionPtr& expression) {
  return expression ? expression->value(runtime) : Value(None());
}

}  // namespace

Value Expression::call(Runtime& runtime, const Arguments& arguments) const {
  const Value callee = value(runtime);
  runtime.set_line(line_);
  return call_value(runtime, callee, arguments);
}

Arguments ArgumentList::evaluate(Runtime& runtime) const {
  Arguments all;
  for (const ExpressionPtr& one : positional) all.positional.push_back(one->value(runtime));
  for (const auto& [name, one] : named) all.named.emplace_back(name, one->value(runtime));
  if (rest)
    for (Value& one : iterated(runtime, rest->value(runtime))) all.positional.push_back(std::move(one));
  if (!named_rest) return all;
  const Value more = named_rest->value(runtime);
  if (!more.is(Kind::dict)) throw Failure{fmt::format("`**` before {}", more.kind_name())};
  for (const auto& [key, one] : more.pairs()) {
    if (!key.is(Kind::text)) throw Failure{fmt::format("`**`: {} as a parameter's name", key.kind_name())};
    all.named.emplace_back(key.text(), one);
  }
  return all;
}

ExpressionPtr literal(int line, Value value) {
  return computed(line, [value = std::move(value)](Runtime&) { return value; });
}

ExpressionPtr name_lookup(int line, std::string name) {
  return computed(line, [name = std::move(name)](Runtime& runtime) { return looked_up(runtime, name); });
}

ExpressionPtr list_of(int line, std::vector<ExpressionPtr> items, bool tuple) {
  return computed(line, [items = std::move(items), tuple](Runtime& runtime) {
    std::vector<Value> values;
    for (const ExpressionPtr& one : items) values.push_back(one->value(runtime));
    return Value::list(std::move(values), tuple);
  });
}

ExpressionPtr dict_of(int line, std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items) {
  return computed(line, [items = std::move(items)](Runtime& runtime) {
    std::vector<std::pair<Value, Value>> pairs;
    for (const auto& [key, value] : items)
      set_key(runtime, pairs, key->value(runtime), value->value(runtime));
    return Value::dict(std::move(pairs));
  });
}

ExpressionPtr attribute_of(int line, ExpressionPtr subject, std::string name) {
  return std::make_unique<Attribute>(line, std::move(subject), std::move(name));
}

ExpressionPtr item_of(int line, ExpressionPtr subject, ExpressionPtr key) {
  return computed(line, [line, subject = std::move(subject), key = std::move(key)](Runtime& runtime) {
    const Value of = subject->value(runtime), at = key->value(runtime);
    runtime.set_line(line);
    return item(runtime, of, at);
  });
}

ExpressionPtr slice_of(int line, ExpressionPtr subject, ExpressionPtr begin, ExpressionPtr end,
                       ExpressionPtr step) {
  return computed(line, [subject = std::move(subject), begin = std::move(begin), end = std::move(end),
                         step = std::move(step)](Runtime& runtime) {
    const Value of = subject->value(runtime), first = optional_value(runtime, begin);
    const Value last = optional_value(runtime, end);
    return slice(runtime, of, first, last, optional_value(runtime, step));
  });
}

ExpressionPtr call_of(int line, ExpressionPtr callee, ArgumentList arguments) {
  return computed(line,
                  [line, callee = std::move(callee), arguments = std::move(arguments)](Runtime& runtime) {
                    const Arguments given = arguments.evaluate(runtime);
                    runtime.set_line(line);
                    return callee->call(runtime, given);
                  });
}

ExpressionPtr filter_of(int line, ExpressionPtr subject, std::string name, ArgumentList arguments) {
  return computed(line, [line, subject = std::move(subject), name = std::move(name),
                         arguments = std::move(arguments)](Runtime& runtime) {
    const Value of = subject->value(runtime);
    const Arguments given = arguments.evaluate(runtime);
    runtime.set_line(line);
    return run_filter(runtime, name, of, given);
  });
}

ExpressionPtr test_of(int line, ExpressionPtr subject, std::string name, ArgumentList arguments) {
  return computed(line, [line, subject = std::move(subject), name = std::move(name),
                         arguments = std::move(arguments)](Runtime& runtime) {
    const Value of = subject->value(runtime);
    const Arguments given = arguments.evaluate(runtime);
    runtime.set_line(line);
    return Value(run_test(runtime, name, of, given));
  });
}

ExpressionPtr negation(int line, ExpressionPtr operand) {
  return computed(line, [operand = std::move(operand)](Runtime& runtime) {
    return Value(!operand->value(runtime).truthy());
  });
}

ExpressionPtr signed_of(int line, ExpressionPtr operand, bool minus) {
  return computed(line, [line, operand = std::move(operand), minus](Runtime& runtime) {
    const Value value = operand->value(runtime);
    runtime.set_line(line);
    return minus ? negated(value) : negated(negated(value));
  });
}

ExpressionPtr arithmetic_of(int line, std::string_view sign, ExpressionPtr left, ExpressionPtr right) {
  return computed(line, [line, sign = std::string(sign), left = std::move(left),
                         right = std::move(right)](Runtime& runtime) {
    const Value a = left->value(runtime), b = right->value(runtime);
    runtime.set_line(line);
    return arithmetic(runtime, sign, a, b);
  });
}

ExpressionPtr concatenation(int line, std::vector<ExpressionPtr> parts) {
  return computed(line, [parts = std::move(parts)](Runtime& runtime) {
    std::string text;
    for (const ExpressionPtr& one : parts) text += to_text(runtime, one->value(runtime));
    return Value(std::move(text));
  });
}

ExpressionPtr logic_of(int line, bool is_and, ExpressionPtr left, ExpressionPtr right) {
  return computed(line, [is_and, left = std::move(left), right = std::move(right)](Runtime& runtime) {
    Value value = left->value(runtime);
    return value.truthy() == is_and ? right->value(runtime) : value;
  });
}

ExpressionPtr comparison(int line, ExpressionPtr first,
                         std::vector<std::pair<std::string, ExpressionPtr>> rest) {
  return computed(line, [line, first = std::move(first), rest = std::move(rest)](Runtime& runtime) {
    Value left = first->value(runtime);
    for (const auto& [sign, operand] : rest) {
      Value right = operand->value(runtime);
      runtime.set_line(line);
      if (!compares(runtime, sign, left, right)) return Value(false);
      left = std::move(right);
    }
    return Value(true);
  });
}

ExpressionPtr choice(int line, ExpressionPtr condition, ExpressionPtr then, ExpressionPtr otherwise) {
  return computed(line, [condition = std::move(condition), then = std::move(then),
                         otherwise = std::move(otherwise)](Runtime& runtime) {
    if (condition->value(runtime).truthy()) return then->value(runtime);
    return otherwise ? otherwise->value(runtime)
                     : Value::undefined("an `if` without `else` has no value here");
  });
}

}  // namespace fettle::jinja
