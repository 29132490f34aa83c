// The mechanism of the one option table: rows described once become YAML keys, flags, help, docs and (later)
// a JSON schema and web forms. The rows live in compat/llamafactory/options/, one file per group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace fettle {

/// What Fettle does with a key.
enum class OptionState {
  works,
  no_effect,  // accepted, said once with the reason
  refused,    // cannot mean what the user wants: an error with the reason and the alternative
  later,      // not there yet: an error by name, with what to use meanwhile
};

enum class OptionType { boolean, integer, number, text, list };  // list: "a,b" or a YAML list of texts

using OptionValue =
    std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<std::string>>;

struct OptionRow {
  std::string_view name;  // lora_rank
  OptionType type;
  std::string_view preset;  // the default as one would type it; "" = unset
  std::string_view range;   // "> 0", "0 … 1", "sft | pt"; checked by check_range
  std::string_view help;    // one line
  OptionState state = OptionState::works;
  std::string_view note = "";  // for the other states: the reason, and what to do instead
};

struct OptionGroup {
  std::string_view title;  // "LoRA"
  std::span<const OptionRow> rows;
};

/// A parsed set of options with where each value came from.
class OptionSet {
 public:
  explicit OptionSet(std::span<const OptionGroup> groups) : groups_(groups) {}

  /// Sets a key from text as typed. `where` names the place for errors ("run.yaml:12", "command line").
  /// Dashes in the key are underscores. Throws Error: unknown key (with the nearest name), wrong type, out of
  /// range, refused, later; and for set_list more than one item where the row takes one value.
  void set(std::string_view key, std::string_view text, std::string where);
  void set_list(std::string_view key, const std::vector<std::string>& items, std::string where);

  bool given(std::string_view name) const;
  std::string where(std::string_view name) const;  // "" when not given
  /// Value or default. The type must be the row's (FETTLE_CHECK). *_or_none: unset without a default.
  bool flag(std::string_view name) const;
  int64_t integer(std::string_view name) const;
  double number(std::string_view name) const;
  std::string text(std::string_view name) const;
  /// An empty text where one was typed ("key: \"\""); unset where null or nothing was.
  std::optional<std::string> text_or_none(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  /// Unset where null or none was typed; the default where nothing was.
  std::optional<bool> flag_or_none(std::string_view name) const;
  std::optional<int64_t> integer_or_none(std::string_view name) const;
  std::optional<double> number_or_none(std::string_view name) const;

  const OptionRow& row(std::string_view name) const;  // FETTLE_CHECK when there is none
  const OptionRow* find(std::string_view name) const;
  std::span<const OptionGroup> groups() const { return groups_; }
  /// Given keys in the order of the table, as typed: what a checkpoint and the log keep.
  std::vector<std::pair<std::string, std::string>> as_typed() const;
  /// Given keys whose state is no_effect.
  std::vector<const OptionRow*> without_effect() const;

 private:
  struct Entry {
    OptionValue value;
    std::string typed, where;
  };
  const OptionValue& value(std::string_view name, OptionType type, OptionValue& scratch) const;
  std::span<const OptionGroup> groups_;
  std::map<std::string, Entry, std::less<>> entries_;
};

/// Parses text as `type`. YAML 1.1's and 1.2's booleans; "1e-5" and "2e-5" are numbers; "null"/"none"/""
/// unset. Throws Error naming key and where.
OptionValue parse_option(const OptionRow& row, std::string_view text, const std::string& where);

/// The nearest of `names` by edit distance (a swap of neighbours is one edit); the one that differs in case,
/// dashes and underscores alone before all others; empty when nothing is near.
std::string nearest_name(std::string_view name, std::span<const std::string> names);

/// `--help` of all groups, wrapped to `width` columns.
std::string options_help(std::span<const OptionGroup> groups, int width);
/// A JSON Schema of a config file, for editors that complete and check YAML: types, ranges, help; keys that
/// would be an error are one there.
std::string options_schema(std::span<const OptionGroup> groups);
/// The docs page (Markdown), one table per group.
std::string options_markdown(std::span<const OptionGroup> groups);

}  // namespace fettle
