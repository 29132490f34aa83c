#include "data/jinja/builtins.h"

#include <algorithm>
#include <charconv>

#include "data/jinja/markup.h"
#include "data/jinja/operators.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;

const Builtin* find(std::span<const Builtin> rows, std::string_view name) {
  const auto row =
      std::find_if(rows.begin(), rows.end(), [&](const Builtin& one) { return one.name == name; });
  return row == rows.end() ? nullptr : &*row;
}

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> all;
  while (!text.empty()) {
    const size_t end = std::min(text.find(' '), text.size());
    all.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return all;
}

std::vector<const Value*> bound(const Builtin& row, std::span<const std::string_view> names,
                                const Arguments& arguments) {
  std::vector<const Value*> given(names.size());
  if (row.parameters == "*") return given;
  if (arguments.positional.size() > names.size())
    throw Failure{fmt::format("`{}` takes {} arguments at most, not {}", row.name, names.size(),
                              arguments.positional.size())};
  for (size_t i = 0; i < arguments.positional.size(); ++i) given[i] = &arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto at = size_t(std::find(names.begin(), names.end(), name) - names.begin());
    if (at == names.size()) throw Failure{fmt::format("`{}` has no parameter `{}`", row.name, name)};
    if (given[at]) throw Failure{fmt::format("`{}` is given `{}` twice", row.name, name)};
    given[at] = &value;
  }
  return given;
}

}  // namespace

const Value& Call::value(size_t i) const {
  if (!given_[i]) throw Failure{fmt::format("`{}` lacks its argument `{}`", name_, names_[i])};
  return *given_[i];
}

std::string Call::text(size_t i, std::string_view otherwise) const {
  return !given_[i] || given_[i]->is(Kind::none) ? std::string(otherwise) : text(i);
}

std::string Call::text(size_t i) const {
  const Value& given = value(i);
  if (!given.is(Kind::text))
    throw Failure{fmt::format("`{}`: `{}` is {}, no string", name_, names_[i], given.kind_name())};
  return given.text();
}

int64_t Call::whole(size_t i, int64_t otherwise) const {
  if (!given_[i] || given_[i]->is(Kind::none)) return otherwise;
  if (!given_[i]->is_whole())
    throw Failure{fmt::format("`{}`: `{}` is {}, no integer", name_, names_[i], given_[i]->kind_name())};
  return given_[i]->whole();
}

const std::string& Call::subject_text() const {
  if (!subject.is(Kind::text)) fail(fmt::format("of {}", subject.kind_name()));
  runtime.spend_bytes(subject.text().size());
  return subject.text();
}

void Call::fail(std::string_view what) const {
  if (subject.is(Kind::undefined)) throw Failure{subject.missing()};
  throw Failure{fmt::format("`{}` {}", name_, what)};
}

const Builtin* find_filter(std::string_view name) {
  for (const auto rows : {text_filters(), list_filters(), value_filters()})
    if (const Builtin* const row = find(rows, name)) return row;
  return nullptr;
}

const Builtin* find_test(std::string_view name) {
  return find(value_tests(), name);
}

const Builtin* find_method(const Value& subject, std::string_view name) {
  if (subject.is(Kind::text)) return find(text_methods(), name);
  if (subject.is(Kind::list) && !subject.is_generator()) return find(list_methods(), name);
  if (subject.is(Kind::dict)) return find(dict_methods(), name);
  return nullptr;
}

Value run_builtin(Runtime& runtime, const Builtin& row, const Value& subject, const Arguments& arguments) {
  runtime.spend(1);
  const std::vector<std::string_view> names = row.parameters == "*" ? words("") : words(row.parameters);
  return row.run(Call(runtime, row.name, subject, names, bound(row, names, arguments), arguments));
}

Value call_method(Runtime& runtime, const Builtin& row, const Value& subject, const Arguments& arguments) {
  return subject.is_markup() ? call_markup_method(runtime, row, subject, arguments)
                             : run_builtin(runtime, row, subject, arguments);
}

Value run_filter(Runtime& runtime, std::string_view name, const Value& subject, const Arguments& arguments) {
  const Builtin* const row = find_filter(name);
  if (!row) throw Failure{fmt::format("there is no filter `{}`", name)};
  return run_builtin(runtime, *row, subject, arguments);
}

bool run_test(Runtime& runtime, std::string_view name, const Value& subject, const Arguments& arguments) {
  const Builtin* const row = find_test(name);
  if (!row) throw Failure{fmt::format("there is no test `{}`", name)};
  return run_builtin(runtime, *row, subject, arguments).truthy();
}

Value dotted(Runtime& runtime, const Value& subject, const Value& path) {
  if (path.is_whole()) return item(runtime, subject, path);
  if (!path.is(Kind::text)) throw Failure{fmt::format("an attribute is named by {}", path.kind_name())};
  Value value = subject;
  std::string_view rest = path.text();
  for (bool more = true; more;) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    int64_t index = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), index);
    const bool is_index = error == std::errc() && end == part.data() + part.size();
    value = item(runtime, value, is_index ? Value(index) : Value(part));
    more = dot != rest.npos;
    if (more) rest.remove_prefix(dot + 1);
  }
  return value;
}

}  // namespace fettle::jinja
