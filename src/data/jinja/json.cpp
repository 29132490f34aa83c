#include "data/jinja/json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "data/jinja/builtins.h"
#include "data/jinja/operators.h"
#include "data/jinja/text.h"
#include "data/python_json.h"

namespace fettle::jinja {

namespace {

using Kind = Value::Kind;
using nlohmann::ordered_json;

constexpr int64_t kMostIndent = 64;

/// Builds the document that json.dumps writes. What is shared in a value is not shared there, and every line
/// of an indented document begins with blanks: all of that is spent beforehand.
class Writer {
 public:
  Writer(Runtime& runtime, size_t indent, bool sorted)
      : runtime_(runtime), indent_(indent), sorted_(sorted) {}

  ordered_json json(const Value& value, size_t depth = 0) const {
    runtime_.spend(8 + int64_t(indent_ * depth) / 32);
    switch (value.kind()) {
      case Kind::none:
        return nullptr;
      case Kind::boolean:
        return value.whole() != 0;
      case Kind::integer:
        return value.whole();
      case Kind::real:
        return value.real();
      case Kind::text:
        runtime_.spend_bytes(value.text().size());
        return value.text();
      case Kind::list: {
        if (value.is_generator()) throw Failure{"`tojson` of a generator; `|list` makes a list of it"};
        ordered_json list = ordered_json::array();
        for (const Value& one : value.items()) list.push_back(json(one, depth + 1));
        return list;
      }
      case Kind::dict:
        return object(value.pairs(), depth);
      default:
        throw Failure{value.is(Kind::undefined) ? value.missing()
                                                : fmt::format("`tojson` of {}", value.kind_name())};
    }
  }

 private:
  ordered_json object(std::vector<std::pair<Value, Value>> pairs, size_t depth) const {
    if (sorted_)
      std::stable_sort(pairs.begin(), pairs.end(),
                       [&](const auto& a, const auto& b) { return less(runtime_, a.first, b.first); });
    ordered_json result = ordered_json::object();
    for (const auto& [key, value] : pairs) {
      runtime_.spend(int64_t(result.size()) / 8);
      result[key_text(key)] = json(value, depth + 1);
    }
    return result;
  }

  std::string key_text(const Value& key) const {
    if (key.is(Kind::text)) return key.text();
    if (key.is(Kind::list)) throw Failure{"`tojson` of a dict with a tuple as key"};
    return python_json(json(key));
  }

  Runtime& runtime_;
  size_t indent_;
  bool sorted_;
};

std::string indent_of(const Call& call) {
  if (!call.has(1) || call.value(1).is(Kind::none)) return "";
  if (call.value(1).is(Kind::text)) return call.text(1);
  const int64_t width = call.whole(1, 0);
  if (width < 1 || width > kMostIndent) call.fail(fmt::format("with an indent of {}", width));
  return std::string(size_t(width), ' ');
}

}  // namespace

Value from_json(const ordered_json& json) {
  switch (json.type()) {
    case ordered_json::value_t::boolean:
      return json.get<bool>();
    case ordered_json::value_t::number_unsigned:
      if (json.get<uint64_t>() > uint64_t(INT64_MAX))
        throw Failure{fmt::format("{} is a number of more than 64 bits", json.get<uint64_t>())};
      return json.get<int64_t>();
    case ordered_json::value_t::number_integer:
      return json.get<int64_t>();
    case ordered_json::value_t::number_float:
      return json.get<double>();
    case ordered_json::value_t::string:
      return repaired_utf8(json.get_ref<const std::string&>());
    case ordered_json::value_t::array: {
      std::vector<Value> items;
      for (const ordered_json& one : json) items.push_back(from_json(one));
      return Value::list(std::move(items));
    }
    case ordered_json::value_t::object: {
      std::vector<std::pair<Value, Value>> pairs;
      for (const auto& [key, value] : json.items()) pairs.emplace_back(repaired_utf8(key), from_json(value));
      return Value::dict(std::move(pairs));
    }
    default:
      return None();
  }
}

Value to_json(const Call& call) {
  PythonJsonStyle style{.indent = indent_of(call), .ensure_ascii = call.flag(0, false)};
  if (!style.indent.empty()) style.between_items = ",";
  if (call.has(2) && !call.value(2).is(Kind::none)) {
    const std::vector<Value> separators = iterated(call.runtime, call.value(2));
    if (separators.size() != 2 || !separators[0].is(Kind::text) || !separators[1].is(Kind::text))
      call.fail("takes two strings as `separators`");
    style.between_items = separators[0].text();
    style.behind_key = separators[1].text();
    call.runtime.spend_bytes(style.between_items.size() + style.behind_key.size());
  }
  const size_t per_item = style.indent.size() + style.between_items.size() + style.behind_key.size();
  return python_json(Writer(call.runtime, per_item, call.flag(3, false)).json(call.subject, 1), style);
}

}  // namespace fettle::jinja
