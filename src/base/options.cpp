#include "base/options.h"

#include <algorithm>
#include <cctype>
#include <numeric>

#include "base/error.h"

namespace fettle {

namespace {
std::string with_underscores(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::vector<std::string> all_names(std::span<const OptionGroup> groups) {
  std::vector<std::string> names;
  for (const OptionGroup& g : groups)
    for (const OptionRow& row : g.rows) names.emplace_back(row.name);
  return names;
}

// A key that does nothing yet may still be written with the value it has anyway: `fp16: false` is in many
// files.
bool changes_nothing(const OptionRow& row, const OptionValue& value) {
  if (std::holds_alternative<std::monostate>(value)) return true;
  if (const bool* on = std::get_if<bool>(&value); on && !*on && row.preset != "true") return true;
  if (const std::string* text = std::get_if<std::string>(&value); text && (*text == "none" || *text == "no"))
    return true;
  return !row.preset.empty() && value == parse_option(row, row.preset, "");
}

void refuse(const OptionRow& row, const std::string& where) {
  const bool later = row.state == OptionState::later;
  throw Error({.what = fmt::format("{} {}", row.name, later ? "is not there yet" : "is refused"),
               .where = where,
               .hint = std::string(row.note)});
}
}  // namespace

namespace {
/// Letters and digits alone, in lower case: loraRank, lora-rank and lora_rank are one name.
std::string letters_of(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '_' && c != '-' && c != '.' && c != ' ')
      out += char(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

/// Edits between two names: a letter more, less or another, or two neighbours swapped. Ends above `most`.
size_t edits(std::string_view a, std::string_view b, size_t most) {
  if (std::max(a.size(), b.size()) - std::min(a.size(), b.size()) > most) return most + 1;
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(above.begin(), above.end(), size_t(0));
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        row[j] = std::min(row[j], before[j - 2] + 1);
    }
    if (*std::ranges::min_element(row) > most) return most + 1;
    std::swap(before, above);
    std::swap(above, row);
  }
  return above.back();
}
}  // namespace

std::string nearest_name(std::string_view name, std::span<const std::string> names) {
  const std::string letters = letters_of(name);
  std::string best;
  // Two slips in a word of four letters or more, one in a shorter one: "foo" is near nothing.
  size_t most = name.size() < 4 ? 1 : std::max<size_t>(2, name.size() / 3);
  for (const std::string& candidate : names) {
    if (letters == letters_of(candidate)) return candidate;
    if (const size_t distance = edits(name, candidate, most); distance <= most) {
      best = candidate;
      if (distance == 0) break;
      most = distance - 1;
    }
  }
  return best;
}

const OptionRow* OptionSet::find(std::string_view name) const {
  for (const OptionGroup& g : groups_)
    for (const OptionRow& row : g.rows)
      if (row.name == name) return &row;
  return nullptr;
}

const OptionRow& OptionSet::row(std::string_view name) const {
  const OptionRow* found = find(name);
  FETTLE_CHECK(found != nullptr, "no option '{}'", name);
  return *found;
}

void OptionSet::set(std::string_view key, std::string_view text, std::string where) {
  const std::string name = with_underscores(key);
  const OptionRow* row = find(name);
  if (!row) {
    const std::string near = nearest_name(name, all_names(groups_));
    throw Error({.what = fmt::format("unknown key '{}'", key),
                 .where = std::move(where),
                 .hint = near.empty() ? "see fettle help train for the keys there are"
                                      : fmt::format("did you mean {}?", near)});
  }
  OptionValue value = parse_option(*row, text, where);
  if ((row->state == OptionState::refused || row->state == OptionState::later) &&
      !changes_nothing(*row, value))
    refuse(*row, where);
  entries_[name] = {std::move(value), std::string(text), std::move(where)};
}

void OptionSet::set_list(std::string_view key, const std::vector<std::string>& items, std::string where) {
  const OptionRow* row = find(with_underscores(key));
  if (row && row->type != OptionType::list && items.size() != 1)
    throw Error({.what = fmt::format("{}: a list of {} found, one value expected", key, items.size()),
                 .where = std::move(where),
                 .hint = std::string(row->help)});
  std::string joined;
  for (const std::string& item : items) joined += (joined.empty() ? "" : ",") + item;
  set(key, joined, std::move(where));
}

bool OptionSet::given(std::string_view name) const {
  const auto it = entries_.find(name);
  return it != entries_.end() && !std::holds_alternative<std::monostate>(it->second.value);
}

std::string OptionSet::where(std::string_view name) const {
  const auto it = entries_.find(name);
  return it == entries_.end() ? "" : it->second.where;
}

const OptionValue& OptionSet::value(std::string_view name, OptionType type, OptionValue& scratch) const {
  const OptionRow& r = row(name);
  FETTLE_CHECK(r.type == type, "option '{}' has another type", name);
  if (given(name)) return entries_.find(name)->second.value;
  return scratch = parse_option(r, r.preset, "default");
}

namespace {
template <class T>
T required(const OptionValue& value, std::string_view name) {
  const T* found = std::get_if<T>(&value);
  FETTLE_CHECK(found != nullptr, "option '{}' has neither a value nor a default", name);
  return *found;
}
template <class T>
std::optional<T> optional(const OptionValue& value) {
  const T* found = std::get_if<T>(&value);
  return found ? std::optional<T>(*found) : std::nullopt;
}
}  // namespace

bool OptionSet::flag(std::string_view name) const {
  OptionValue scratch;
  return required<bool>(value(name, OptionType::boolean, scratch), name);
}
int64_t OptionSet::integer(std::string_view name) const {
  OptionValue scratch;
  return required<int64_t>(value(name, OptionType::integer, scratch), name);
}
double OptionSet::number(std::string_view name) const {
  OptionValue scratch;
  return required<double>(value(name, OptionType::number, scratch), name);
}
std::string OptionSet::text(std::string_view name) const {
  OptionValue scratch;
  return optional<std::string>(value(name, OptionType::text, scratch)).value_or("");
}
std::vector<std::string> OptionSet::list(std::string_view name) const {
  OptionValue scratch;
  return optional<std::vector<std::string>>(value(name, OptionType::list, scratch))
      .value_or(std::vector<std::string>{});
}
std::optional<std::string> OptionSet::text_or_none(std::string_view name) const {
  FETTLE_CHECK(row(name).type == OptionType::text, "option '{}' has another type", name);
  const auto it = entries_.find(name);
  if (it == entries_.end()) return std::nullopt;
  if (!given(name)) return it->second.typed.empty() ? std::optional<std::string>("") : std::nullopt;
  return text(name);
}

std::optional<bool> OptionSet::flag_or_none(std::string_view name) const {
  if (entries_.contains(name) && !given(name)) return std::nullopt;
  OptionValue scratch;
  return optional<bool>(value(name, OptionType::boolean, scratch));
}
std::optional<int64_t> OptionSet::integer_or_none(std::string_view name) const {
  OptionValue scratch;
  return optional<int64_t>(value(name, OptionType::integer, scratch));
}
std::optional<double> OptionSet::number_or_none(std::string_view name) const {
  OptionValue scratch;
  return optional<double>(value(name, OptionType::number, scratch));
}

std::vector<std::pair<std::string, std::string>> OptionSet::as_typed() const {
  std::vector<std::pair<std::string, std::string>> out;
  for (const OptionGroup& g : groups_)
    for (const OptionRow& r : g.rows)
      if (const auto it = entries_.find(r.name); it != entries_.end())
        out.emplace_back(r.name, it->second.typed);
  return out;
}

std::vector<const OptionRow*> OptionSet::without_effect() const {
  std::vector<const OptionRow*> out;
  for (const OptionGroup& g : groups_)
    for (const OptionRow& r : g.rows)
      if (r.state == OptionState::no_effect && given(r.name)) out.push_back(&r);
  return out;
}

}  // namespace fettle
