// What a chat template computes with: Python's values, as far as templates see them. All of them are
// immutable but the namespace and how far a generator was read, so that no template can change a
// conversation or build a cycle.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fettle::jinja {

class Value;
class Runtime;
struct Arguments;

struct None {};

/// The value of what does not exist: prints nothing and is false; anything else done with it is an Error that
/// says `what`, e.g. "'tools' is undefined".
struct Undefined {
  std::shared_ptr<const std::string> what;
};

struct List;
struct Dict;
enum class ListShape : uint8_t { list, tuple, generator };

/// Something with attributes or that can be called: macros, `loop`, namespaces, functions. Belongs to the
/// Runtime that made it.
class Object {
 public:
  virtual ~Object() = default;
  /// "namespace", "macro" …, for messages.
  virtual std::string_view kind() const = 0;
  virtual std::optional<Value> attribute(Runtime&, std::string_view name) const;
  virtual bool callable() const { return false; }
  virtual Value call(Runtime&, const Arguments&) const;
};

class Value {
 public:
  enum class Kind : uint8_t { undefined, none, boolean, integer, real, text, list, dict, object };

  Value() : Value(None()) {}
  Value(Undefined undefined) : data_(std::move(undefined)) {}
  Value(None) : data_(None()) {}
  Value(bool value) : data_(value) {}
  Value(int64_t value) : data_(value) {}
  Value(double value) : data_(value) {}
  Value(std::string text) : data_(std::make_shared<const Text>(Text{std::move(text), false})) {}
  Value(std::string_view text) : Value(std::string(text)) {}
  Value(const char* text) : Value(std::string(text)) {}
  Value(Object* object) : data_(object) {}
  /// Error where the parts are nested too deeply already.
  static Value list(std::vector<Value> items, bool tuple = false);
  /// What `map` and its kin give: it can be looped over once, and has neither length, items nor text.
  static Value generator(std::vector<Value> items);
  /// A text that went through `safe`: what is added to it is escaped for HTML (markupsafe's Markup).
  static Value markup(std::string text);
  static Value dict(std::vector<std::pair<Value, Value>> items);
  static Value undefined(std::string what);

  Kind kind() const { return Kind(data_.index()); }
  bool is(Kind kind) const { return this->kind() == kind; }
  /// bool, int or float: bools count as numbers, as in Python.
  bool is_number() const { return kind() >= Kind::boolean && kind() <= Kind::real; }
  bool is_whole() const { return is(Kind::boolean) || is(Kind::integer); }

  // Each only for a value of that kind.
  const std::string& text() const { return std::get<TextRef>(data_)->text; }
  const std::vector<Value>& items() const;
  ListShape shape() const;
  /// Of a generator: the items that were not read yet, `most` of them, which then are.
  std::vector<Value> read(size_t most) const;
  const std::vector<std::pair<Value, Value>>& pairs() const;
  std::vector<Value> pair_tuples() const;  // (key, value) each
  Object* object() const { return std::get<Object*>(data_); }
  const std::string& missing() const { return *std::get<Undefined>(data_).what; }
  int64_t whole() const { return is(Kind::boolean) ? std::get<bool>(data_) : std::get<int64_t>(data_); }
  double real() const { return is(Kind::real) ? std::get<double>(data_) : double(whole()); }

  bool is_tuple() const { return is(Kind::list) && shape() == ListShape::tuple; }
  bool is_generator() const { return is(Kind::list) && shape() == ListShape::generator; }
  bool is_markup() const { return is(Kind::text) && std::get<TextRef>(data_)->markup; }

  /// Python's bool(): empty, zero, None and undefined are false.
  bool truthy() const;
  /// The name of its kind in messages: "a string", "a list", "None" …
  std::string_view kind_name() const;
  /// How deep lists and dicts lie in one another.
  int depth() const;

 private:
  static Value of_shape(std::vector<Value> items, ListShape shape);
  struct Text {
    std::string text;
    bool markup;
  };
  using TextRef = std::shared_ptr<const Text>;
  std::variant<Undefined, None, bool, int64_t, double, TextRef, std::shared_ptr<const List>,
               std::shared_ptr<const Dict>, Object*>
      data_;
};

struct List {
  std::vector<Value> items;
  ListShape shape;
  int depth;
  mutable size_t read = 0;  // of a generator
};

struct Dict {
  std::vector<std::pair<Value, Value>> pairs;  // in order of insertion
  int depth;
};

/// What a call passes on.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// What is wrong, without its place: the Runtime or the parser adds the template's name and line.
struct Failure {
  std::string what;
};

}  // namespace fettle::jinja
