// The state of one rendering: names, output, and what may still be spent.
#pragma once

#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "data/jinja/template.h"
#include "data/jinja/value.h"

namespace fettle::jinja {

/// Names of one block; those around it are looked up behind it.
struct Scope {
  const Scope* parent = nullptr;
  std::vector<std::pair<std::string, Value>> names;

  void set(std::string_view name, Value value);
  const Value* find(std::string_view name) const;
};

/// The one value that changes: what a loop hands out of itself.
class Namespace : public Object {
 public:
  std::string_view kind() const override { return "a namespace"; }
  std::optional<Value> attribute(Runtime&, std::string_view name) const override;
  void assign(std::string_view name, Value value) { attributes_.set(name, std::move(value)); }

 private:
  Scope attributes_;
};

class Runtime {
 public:
  Runtime(const JinjaLimits& limits, const std::tm& now) : limits_(limits), steps_(limits.steps), now_(now) {}

  /// Counts `steps` of work, Failure when none are left. What makes text or lists spends by their size first.
  void spend(int64_t steps);
  void spend_bytes(size_t bytes) { spend(1 + int64_t(bytes) / 64); }

  /// Goes one level deeper for as long as it lives, and takes one step.
  class Nest {
   public:
    Nest(Runtime& runtime, int line);
    ~Nest() { --runtime_.depth_; }
    Nest(const Nest&) = delete;
    Nest& operator=(const Nest&) = delete;

   private:
    Runtime& runtime_;
  };

  /// A scope of its own inside `parent` for as long as it lives. It is kept to the end of the rendering where
  /// a macro that was made meanwhile may still look into it.
  class Enter {
   public:
    Enter(Runtime& runtime, const Scope* parent);
    explicit Enter(Runtime& runtime) : Enter(runtime, runtime.scope_) {}
    ~Enter();
    Enter(const Enter&) = delete;
    Enter& operator=(const Enter&) = delete;

   private:
    Runtime& runtime_;
    Scope* before_;
    size_t captures_;
  };

  /// What is written while it lives goes into a text of its own.
  class Capture {
   public:
    explicit Capture(Runtime& runtime);
    ~Capture() { runtime_.out_ = before_; }
    Capture(const Capture&) = delete;
    Capture& operator=(const Capture&) = delete;
    std::string take() { return std::move(text_); }

   private:
    Runtime& runtime_;
    std::string* before_;
    std::string text_;
  };

  Scope& scope() { return *scope_; }
  /// The scope as a macro remembers it.
  const Scope* captured_scope();
  void write(std::string_view text);
  /// Makes an object that lives as long as the rendering.
  template <class T, class... Parts>
  T* make(Parts&&... parts) {
    spend(8);
    auto object = std::make_unique<T>(std::forward<Parts>(parts)...);
    T* const made = object.get();
    objects_.push_back(std::move(object));
    return made;
  }

  /// Where a `generation` block begins; -1 inside a macro or a captured text, which have no place yet.
  int64_t position() const { return out_ == &output_ ? int64_t(output_.size()) : -1; }
  void add_generation(int64_t begin, int64_t end) { generations_.push_back({size_t(begin), size_t(end)}); }

  const std::tm& now() const { return now_; }
  int line() const { return line_; }
  void set_line(int line) { line_ = line; }
  JinjaRendering take() { return {std::move(output_), std::move(generations_)}; }

 private:
  const JinjaLimits& limits_;
  int64_t steps_;
  std::tm now_;
  int depth_ = 0, line_ = 1;
  size_t captures_ = 0;
  std::deque<Scope> scopes_;
  std::vector<std::unique_ptr<Object>> objects_;
  Scope* scope_ = nullptr;
  std::string output_;
  std::string* out_ = &output_;
  std::vector<std::pair<size_t, size_t>> generations_;
};

}  // namespace fettle::jinja
