#include "data/jinja/loop.h"

#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"

namespace fettle::jinja {

namespace {

/// `loop`: where the iteration stands.
class LoopObject final : public Object {
 public:
  LoopObject(const Loop& loop, std::vector<Value> items, int depth)
      : loop_(loop), items_(std::move(items)), depth_(depth) {}

  std::string_view kind() const override { return "a loop"; }
  bool callable() const override { return loop_.recursive; }
  std::optional<Value> attribute(Runtime& runtime, std::string_view name) const override;
  /// loop(items): the same loop over them, one deeper, as text.
  Value call(Runtime& runtime, const Arguments& arguments) const override;

  const std::vector<Value>& items() const { return items_; }
  void move_to(size_t index) { index_ = index; }
  /// loop.changed(…): whether these differ from those of the call before.
  bool changed(Runtime& runtime, Value now) {
    const bool same = last_ && equal(runtime, *last_, now);
    last_ = std::move(now);
    return !same;
  }
  Value cycled(const std::vector<Value>& among) const {
    if (among.empty()) throw Failure{"`loop.cycle` without values to choose among"};
    return among[index_ % among.size()];
  }

 private:
  struct Row {
    std::string_view name;
    Value (*value)(const LoopObject& self);
  };
  static const Row kRows[];
  Value neighbour(size_t index, std::string_view called) const {
    return index < items_.size() ? items_[index]
                                 : Value::undefined(fmt::format("there is no {} item in the loop", called));
  }

  const Loop& loop_;
  std::vector<Value> items_;
  int depth_;
  size_t index_ = 0;
  std::optional<Value> last_;
};

class LoopMethod final : public Object {
 public:
  LoopMethod(LoopObject* loop, bool is_cycle) : loop_(loop), is_cycle_(is_cycle) {}
  std::string_view kind() const override { return "a method"; }
  bool callable() const override { return true; }
  Value call(Runtime& runtime, const Arguments& arguments) const override {
    if (is_cycle_) return loop_->cycled(arguments.positional);
    return loop_->changed(runtime, Value::list(arguments.positional));
  }

 private:
  LoopObject* loop_;
  bool is_cycle_;
};

const LoopObject::Row LoopObject::kRows[] = {
    {"index", [](const LoopObject& self) { return Value(int64_t(self.index_ + 1)); }},
    {"index0", [](const LoopObject& self) { return Value(int64_t(self.index_)); }},
    {"revindex", [](const LoopObject& self) { return Value(int64_t(self.items_.size() - self.index_)); }},
    {"revindex0",
     [](const LoopObject& self) { return Value(int64_t(self.items_.size() - self.index_ - 1)); }},
    {"first", [](const LoopObject& self) { return Value(self.index_ == 0); }},
    {"last", [](const LoopObject& self) { return Value(self.index_ + 1 == self.items_.size()); }},
    {"length", [](const LoopObject& self) { return Value(int64_t(self.items_.size())); }},
    {"depth", [](const LoopObject& self) { return Value(int64_t(self.depth_ + 1)); }},
    {"depth0", [](const LoopObject& self) { return Value(int64_t(self.depth_)); }},
    {"previtem", [](const LoopObject& self) { return self.neighbour(self.index_ - 1, "previous"); }},
    {"nextitem", [](const LoopObject& self) { return self.neighbour(self.index_ + 1, "next"); }},
};

std::optional<Value> LoopObject::attribute(Runtime& runtime, std::string_view name) const {
  for (const Row& row : kRows)
    if (row.name == name) return row.value(*this);
  // Its methods belong to this very loop, which the runtime owns.
  if (name == "cycle" || name == "changed")
    return Value(runtime.make<LoopMethod>(const_cast<LoopObject*>(this), name == "cycle"));
  return std::nullopt;
}

Value LoopObject::call(Runtime& runtime, const Arguments& arguments) const {
  if (!loop_.recursive) throw Failure{"`loop(…)` in a loop that is not `recursive`"};
  if (arguments.positional.size() != 1 || !arguments.named.empty())
    throw Failure{"`loop(…)` takes what to loop over, nothing else"};
  Runtime::Capture capture(runtime);
  run_loop(runtime, loop_, arguments.positional[0], depth_ + 1);
  return capture.take();
}

std::vector<Value> kept_items(Runtime& runtime, const Loop& loop, const Value& iterable) {
  std::vector<Value> items = iterated(runtime, iterable);
  if (!loop.condition) return items;
  std::vector<Value> kept;
  for (Value& item : items) {
    const Runtime::Enter scope(runtime);
    loop.target.assign(runtime, item);
    if (loop.condition->value(runtime).truthy()) kept.push_back(std::move(item));
  }
  return kept;
}

}  // namespace

void run_loop(Runtime& runtime, const Loop& loop, const Value& iterable, int depth) {
  auto* const state = runtime.make<LoopObject>(loop, kept_items(runtime, loop, iterable), depth);
  for (size_t i = 0; i < state->items().size(); ++i) {
    state->move_to(i);
    const Runtime::Enter scope(runtime);
    runtime.scope().set("loop", static_cast<Object*>(state));
    loop.target.assign(runtime, state->items()[i]);
    if (loop.body.run(runtime) == Flow::break_loop) return;
  }
  if (!state->items().empty()) return;
  const Runtime::Enter scope(runtime);
  loop.otherwise.run(runtime);
}

}  // namespace fettle::jinja
