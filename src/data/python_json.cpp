#include "data/python_json.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/utf8.h"

namespace fettle {

namespace {

using nlohmann::ordered_json;

/// Looks at a text before it is built: what would be lost or would overflow later is refused here.
class Examiner : public ordered_json::json_sax_t {
 public:
  std::string refused;

  bool number_float(double, const std::string& digits) override {
    // A whole number too long for 64 bits arrives as a float: its digits would be lost.
    if (digits.find_first_of(".eE") != digits.npos) return true;
    return refuse(fmt::format("holds {}, a number of more than 64 bits", digits.substr(0, 40)));
  }
  bool start_object(size_t) override { return enter(); }
  bool start_array(size_t) override { return enter(); }
  bool end_object() override { return leave(); }
  bool end_array() override { return leave(); }
  bool parse_error(size_t byte, const std::string&, const ordered_json::exception& error) override {
    if (dynamic_cast<const ordered_json::parse_error*>(&error))
      return refuse(fmt::format("is not JSON (wrong at byte {})", byte));
    return refuse("holds a number beyond the range of a double");
  }
  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(int64_t) override { return true; }
  bool number_unsigned(uint64_t) override { return true; }
  bool string(std::string&) override { return true; }
  bool binary(ordered_json::binary_t&) override { return true; }
  bool key(std::string&) override { return true; }

 private:
  static constexpr int kMostDepth = 512;  // writing it again recurses
  bool enter() { return ++depth_ <= kMostDepth || refuse("is nested too deeply"); }
  bool leave() { return --depth_ >= 0; }
  bool refuse(std::string why) {
    refused = std::move(why);
    return false;
  }
  int depth_ = 0;
};

/// Between the parts of a list: on one line, or each on its own, one indent deeper than the list itself.
struct Layout {
  const PythonJsonStyle& style;
  int depth;

  std::string line_end(int level) const {
    if (style.indent.empty()) return "";
    std::string text = "\n";
    for (int i = 0; i < level; ++i) text += style.indent;
    return text;
  }
  Layout deeper() const { return {style, depth + 1}; }
};

template <class Parts, class Write>
std::string joined(const Parts& parts, char open, char close, const Layout& layout, const Write& write) {
  std::string out(1, open);
  const std::string line_end = layout.line_end(layout.depth + 1);
  for (const auto& part : parts) {
    if (out.size() > 1) out += layout.style.between_items;
    out += line_end;
    write(out, part);
  }
  if (out.size() > 1) out += layout.line_end(layout.depth);
  return out + close;
}

std::string dumped(const ordered_json& value, const Layout& layout) {
  return value.dump(-1, ' ', layout.style.ensure_ascii);
}

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return python_float(value);
}

std::string written(const ordered_json& value, const Layout& layout) {
  switch (value.type()) {
    case ordered_json::value_t::object:
      return joined(value.items(), '{', '}', layout, [&](std::string& out, const auto& item) {
        out += dumped(item.key(), layout) + layout.style.behind_key + written(item.value(), layout.deeper());
      });
    case ordered_json::value_t::array:
      return joined(value, '[', ']', layout, [&](std::string& out, const ordered_json& part) {
        out += written(part, layout.deeper());
      });
    case ordered_json::value_t::number_float:
      return json_float(value.get<double>());
    default:
      return dumped(value, layout);
  }
}

}  // namespace

ordered_json read_python_json(std::string_view text, std::string_view called) {
  constexpr size_t kMostShown = 80;
  Examiner examiner;
  if (ordered_json::sax_parse(text, &examiner)) return ordered_json::parse(text);
  throw Error(
      {.what = fmt::format("{} {}: {}{}", called, examiner.refused,
                           repaired_utf8(text.substr(0, complete_utf8_prefix(text.substr(0, kMostShown)))),
                           text.size() > kMostShown ? " …" : ""),
       .where = "",
       .hint = ""});
}

std::string python_json(const ordered_json& value, const PythonJsonStyle& style) {
  return written(value, {style, 0});
}

std::string python_json(const ordered_json& value, int indent) {
  return python_json(value,
                     {.indent = std::string(size_t(indent), ' '), .between_items = indent ? "," : ", "});
}

std::string python_float(double value) {
  const double size = std::fabs(value);
  const bool plain = size == 0 || (size >= 1e-4 && size < 1e16);
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value,
                                 plain ? std::chars_format::fixed : std::chars_format::scientific)
                       .ptr;
  std::string text(buffer, end);
  if (plain && text.find('.') == text.npos) text += ".0";
  return text;
}

}  // namespace fettle
