// What statements do.
#include <fmt/format.h>

#include "data/jinja/loop.h"
#include "data/jinja/macro.h"
#include "data/jinja/nodes.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"

namespace fettle::jinja {

namespace {

class Text final : public Statement {
 public:
  Text(int line, std::string text) : Statement(line), text_(std::move(text)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    runtime.write(text_);
    return Flow::on;
  }
  std::string text_;
};

class Print final : public Statement {
 public:
  Print(int line, ExpressionPtr value) : Statement(line), value_(std::move(value)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    runtime.write(to_text(runtime, value_->value(runtime)));
    return Flow::on;
  }
  ExpressionPtr value_;
};

class If final : public Statement {
 public:
  If(int line, std::vector<Branch> branches) : Statement(line), branches_(std::move(branches)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    for (const Branch& branch : branches_)
      if (!branch.condition || branch.condition->value(runtime).truthy()) return branch.body.run(runtime);
    return Flow::on;
  }
  std::vector<Branch> branches_;
};

class For final : public Statement {
 public:
  For(int line, Loop loop) : Statement(line), loop_(std::move(loop)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    run_loop(runtime, loop_, loop_.iterated->value(runtime), 0);
    return Flow::on;
  }
  Loop loop_;
};

class Jump final : public Statement {
 public:
  Jump(int line, Flow flow) : Statement(line), flow_(flow) {}

 private:
  Flow execute(Runtime&) const override { return flow_; }
  Flow flow_;
};

class Set final : public Statement {
 public:
  Set(int line, Target target, ExpressionPtr value)
      : Statement(line), target_(std::move(target)), value_(std::move(value)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    const Value value = value_->value(runtime);
    runtime.set_line(line());
    target_.assign(runtime, value);
    return Flow::on;
  }
  Target target_;
  ExpressionPtr value_;
};

/// What the body writes, through the filters.
class Captured {
 public:
  Captured(ExpressionPtr filters, Body body) : filters_(std::move(filters)), body_(std::move(body)) {}

  /// `flow`: what the body asked of the loop around it.
  Value text(Runtime& runtime, Flow& flow) const {
    const Runtime::Enter scope(runtime);
    Runtime::Capture capture(runtime);
    flow = body_.run(runtime);
    runtime.scope().set(kCaptured, Value(capture.take()));
    return filters_->value(runtime);
  }

 private:
  ExpressionPtr filters_;
  Body body_;
};

class SetBlock final : public Statement {
 public:
  SetBlock(int line, Target target, Captured captured)
      : Statement(line), target_(std::move(target)), captured_(std::move(captured)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    Flow flow;
    const Value text = captured_.text(runtime, flow);
    if (flow == Flow::on) target_.assign(runtime, text);
    return flow;
  }
  Target target_;
  Captured captured_;
};

class FilterBlock final : public Statement {
 public:
  FilterBlock(int line, Captured captured) : Statement(line), captured_(std::move(captured)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    Flow flow;
    const Value text = captured_.text(runtime, flow);
    if (flow == Flow::on) runtime.write(to_text(runtime, text));
    return flow;
  }
  Captured captured_;
};

class MacroDefinition final : public Statement {
 public:
  MacroDefinition(int line, Macro macro) : Statement(line), macro_(std::move(macro)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    Object* const made = runtime.make<MacroObject>(macro_, runtime.captured_scope());
    runtime.scope().set(macro_.name, made);
    return Flow::on;
  }
  Macro macro_;
};

class CallBlock final : public Statement {
 public:
  CallBlock(int line, ExpressionPtr callee, ArgumentList arguments, Macro caller)
      : Statement(line),
        callee_(std::move(callee)),
        arguments_(std::move(arguments)),
        caller_(std::move(caller)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    Arguments given = arguments_.evaluate(runtime);
    Object* const caller = runtime.make<MacroObject>(caller_, runtime.captured_scope());
    given.named.emplace_back("caller", caller);
    runtime.write(to_text(runtime, callee_->call(runtime, given)));
    return Flow::on;
  }
  ExpressionPtr callee_;
  ArgumentList arguments_;
  Macro caller_;
};

class With final : public Statement {
 public:
  With(int line, std::vector<std::pair<Target, ExpressionPtr>> values, Body body)
      : Statement(line), values_(std::move(values)), body_(std::move(body)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    // None of the values sees another one's name.
    std::vector<Value> values;
    values.reserve(values_.size());
    for (const auto& [target, expression] : values_) values.push_back(expression->value(runtime));
    const Runtime::Enter scope(runtime);
    for (size_t i = 0; i < values.size(); ++i) values_[i].first.assign(runtime, values[i]);
    return body_.run(runtime);
  }
  std::vector<std::pair<Target, ExpressionPtr>> values_;
  Body body_;
};

class Generation final : public Statement {
 public:
  Generation(int line, Body body) : Statement(line), body_(std::move(body)) {}

 private:
  Flow execute(Runtime& runtime) const override {
    const Runtime::Enter scope(runtime);
    const int64_t begin = runtime.position();
    const Flow flow = body_.run(runtime);
    if (begin >= 0) runtime.add_generation(begin, runtime.position());
    return flow;
  }
  Body body_;
};

}  // namespace

Flow Body::run(Runtime& runtime) const {
  for (const StatementPtr& statement : statements)
    if (const Flow flow = statement->run(runtime); flow != Flow::on) return flow;
  return Flow::on;
}

void Target::assign(Runtime& runtime, const Value& value) const {
  if (parts.empty() && attribute.empty()) return runtime.scope().set(name, value);
  if (parts.empty()) {
    const Value* const holder = runtime.scope().find(name);
    auto* const space =
        holder && holder->is(Value::Kind::object) ? dynamic_cast<Namespace*>(holder->object()) : nullptr;
    if (!space)
      throw Failure{fmt::format("`set {}.{}`: `{}` is {}, no namespace", name, attribute, name,
                                holder ? holder->kind_name() : "undefined")};
    return space->assign(attribute, value);
  }
  const std::vector<Value> items = iterated(runtime, value);
  if (items.size() != parts.size())
    throw Failure{fmt::format("{} values for {} names", items.size(), parts.size())};
  for (size_t i = 0; i < parts.size(); ++i) parts[i].assign(runtime, items[i]);
}

StatementPtr text_output(int line, std::string text) {
  return std::make_unique<Text>(line, std::move(text));
}

StatementPtr print_of(int line, ExpressionPtr value) {
  return std::make_unique<Print>(line, std::move(value));
}

StatementPtr if_of(int line, std::vector<Branch> branches) {
  return std::make_unique<If>(line, std::move(branches));
}

StatementPtr for_of(int line, Loop loop) {
  return std::make_unique<For>(line, std::move(loop));
}

StatementPtr jump(int line, Flow flow) {
  return std::make_unique<Jump>(line, flow);
}

StatementPtr set_of(int line, Target target, ExpressionPtr value) {
  return std::make_unique<Set>(line, std::move(target), std::move(value));
}

StatementPtr set_block(int line, Target target, ExpressionPtr filters, Body body) {
  return std::make_unique<SetBlock>(line, std::move(target), Captured(std::move(filters), std::move(body)));
}

StatementPtr filter_block(int line, ExpressionPtr filters, Body body) {
  return std::make_unique<FilterBlock>(line, Captured(std::move(filters), std::move(body)));
}

StatementPtr macro_definition(int line, Macro macro) {
  return std::make_unique<MacroDefinition>(line, std::move(macro));
}

StatementPtr call_block(int line, ExpressionPtr callee, ArgumentList arguments, Macro caller) {
  return std::make_unique<CallBlock>(line, std::move(callee), std::move(arguments), std::move(caller));
}

StatementPtr with_of(int line, std::vector<std::pair<Target, ExpressionPtr>> values, Body body) {
  return std::make_unique<With>(line, std::move(values), std::move(body));
}

StatementPtr generation_of(int line, Body body) {
  return std::make_unique<Generation>(line, std::move(body));
}

}  // namespace fettle::jinja
