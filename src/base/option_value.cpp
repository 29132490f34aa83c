// From text as typed to a checked value.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/error.h"
#include "base/options.h"

namespace fettle {

namespace {
std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return char(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

constexpr std::string_view type_name(OptionType type) {
  switch (type) {
    case OptionType::boolean:
      return "true or false";
    case OptionType::integer:
      return "a whole number";
    case OptionType::number:
      return "a number";
    case OptionType::text:
      return "a text";
    case OptionType::list:
      return "a list of texts";
  }
  return "";
}

[[noreturn]] void fail(const OptionRow& row, std::string_view text, const std::string& where,
                       std::string expected) {
  throw Error({.what = fmt::format("{}: '{}' found, {} expected", row.name, text, expected),
               .where = where,
               .hint = fmt::format("{}{}", row.help,
                                   row.preset.empty() ? "" : fmt::format(" (default {})", row.preset))});
}

bool unset(const OptionRow& row, const std::string& word) {
  if (word.empty() || word == "null" || word == "~") return true;
  return word == "none" && row.type != OptionType::text && row.type != OptionType::list;
}

// Both YAML 1.1's words (what LLaMA-Factory's users have in old files) and 1.2's.
std::optional<bool> boolean(const std::string& word) {
  for (const char* yes : {"true", "yes", "on", "y", "1"})
    if (word == yes) return true;
  for (const char* no : {"false", "no", "off", "n", "0"})
    if (word == no) return false;
  return std::nullopt;
}

template <class T>
std::optional<T> number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "1_000", "1e3" and "8.0" are whole numbers too, as they are for OmegaConf and Python.
std::optional<int64_t> integer(std::string text) {
  std::erase(text, '_');
  if (const auto exact = number<int64_t>(text)) return exact;
  const auto real = number<double>(text);
  if (!real || !std::isfinite(*real) || *real != std::floor(*real) || std::abs(*real) > 1e15)
    return std::nullopt;
  return int64_t(*real);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> items;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find(separator, begin), text.size());
    const std::string_view item = trimmed(text.substr(begin, end - begin));
    if (!item.empty()) items.emplace_back(item);
    begin = end + 1;
  }
  return items;
}

// The column `range`: "> 0", ">= 0", "< 1", "0 … 1" (both ends included) or "one | of | these".
bool in_range(std::string_view range, double value) {
  if (range.find('|') != std::string_view::npos) {
    const std::vector<std::string> choices = split(range, '|');
    return std::any_of(choices.begin(), choices.end(),
                       [&](const std::string& c) { return number<double>(c) == value; });
  }
  if (const size_t dots = range.find(" … "); dots != std::string_view::npos) {
    const auto low = number<double>(range.substr(0, dots)), high = number<double>(range.substr(dots + 5));
    FETTLE_CHECK(low && high, "range '{}'", range);
    return value >= *low && value <= *high;
  }
  for (const auto& [sign, holds] : {std::pair<std::string_view, bool (*)(double, double)>{
                                        ">= ", [](double a, double b) { return a >= b; }},
                                    {"> ", [](double a, double b) { return a > b; }},
                                    {"< ", [](double a, double b) { return a < b; }}}) {
    if (!range.starts_with(sign)) continue;
    const auto bound = number<double>(range.substr(sign.size()));
    FETTLE_CHECK(bound.has_value(), "range '{}'", range);
    return holds(value, *bound);
  }
  FETTLE_CHECK(false, "range '{}' of a number", range);
  return false;
}

void check_range(const OptionRow& row, double value, std::string_view text, const std::string& where) {
  if (row.range.empty() || in_range(row.range, value)) return;
  fail(row, text, where, fmt::format("{}{}", type_name(row.type), fmt::format(", {}", row.range)));
}

void check_choice(const OptionRow& row, std::string_view text, const std::string& where) {
  if (row.range.empty()) return;
  const std::vector<std::string> choices = split(row.range, '|');
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return;
  const std::string near = nearest_name(text, choices);
  fail(row, text, where,
       fmt::format("one of {}{}", row.range, near.empty() ? "" : fmt::format(" (did you mean {}?)", near)));
}
}  // namespace

OptionValue parse_option(const OptionRow& row, std::string_view text, const std::string& where) {
  text = trimmed(text);
  const std::string word = lower(text);
  if (unset(row, word)) return std::monostate{};
  switch (row.type) {
    case OptionType::boolean:
      if (const auto value = boolean(word)) return *value;
      break;
    case OptionType::integer:
      if (const auto value = integer(word)) {
        check_range(row, double(*value), text, where);
        return *value;
      }
      break;
    case OptionType::number:
      if (const auto value = number<double>(word); value && std::isfinite(*value)) {
        check_range(row, *value, text, where);
        return *value;
      }
      break;
    case OptionType::text:
      check_choice(row, text, where);
      return std::string(text);
    case OptionType::list: {
      std::vector<std::string> items = split(text, ',');
      for (const std::string& item : items) check_choice(row, item, where);
      return items;
    }
  }
  fail(row, text, where, std::string(type_name(row.type)));
}

}  // namespace fettle
