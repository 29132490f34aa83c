// A JSON Schema from the option table.
#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/options.h"

namespace fettle {

namespace {
using Json = nlohmann::ordered_json;

/// "a | b" as its words; empty for a range of numbers.
std::vector<std::string> choices(std::string_view range) {
  std::vector<std::string> out;
  for (size_t at = 0; range.find('|') != std::string_view::npos && at != std::string_view::npos;) {
    const size_t bar = range.find(" | ", at);
    out.emplace_back(range.substr(at, bar - at));
    at = bar == std::string_view::npos ? bar : bar + 3;
  }
  return out;
}

Json number(std::string_view text) {
  return Json::parse(text);
}

/// "> 0", ">= 0", "< 1", "0 … 1".
void add_bounds(std::string_view range, Json& schema) {
  if (range.empty()) return;
  if (const size_t dots = range.find(" … "); dots != std::string_view::npos) {
    schema["minimum"] = number(range.substr(0, dots));
    schema["maximum"] = number(range.substr(dots + std::string_view(" … ").size()));
  } else if (range.starts_with(">= ")) {
    schema["minimum"] = number(range.substr(3));
  } else if (range.starts_with("> ")) {
    schema["exclusiveMinimum"] = number(range.substr(2));
  } else if (range.starts_with("< ")) {
    schema["exclusiveMaximum"] = number(range.substr(2));
  } else {
    FETTLE_CHECK(false, "range '{}'", range);
  }
}

Json number_schema(const OptionRow& row, const char* type) {
  Json schema = {{"type", {type, "null"}}};
  const std::vector<std::string> allowed = choices(row.range);
  if (allowed.empty()) {
    add_bounds(row.range, schema);
  } else {
    for (const std::string& word : allowed) schema["enum"].push_back(number(word));
    schema["enum"].push_back(nullptr);
  }
  return schema;
}

/// A text may look like a number or a switch: resume_from_checkpoint: true.
Json text_schema(const OptionRow& row) {
  const std::vector<std::string> allowed = choices(row.range);
  if (allowed.empty()) return {{"type", {"string", "number", "boolean", "null"}}};
  Json schema = {{"enum", allowed}};
  // YAML 1.1 readers take these words for switches.
  for (const std::string& word : allowed) {
    if (word == "no" || word == "false") schema["enum"].push_back(false);
    if (word == "yes" || word == "true") schema["enum"].push_back(true);
  }
  schema["enum"].push_back(nullptr);
  return schema;
}

Json list_schema(const OptionRow& row) {
  Json item = {{"type", {"string", "number"}}};
  if (const std::vector<std::string> allowed = choices(row.range); !allowed.empty())
    item = {{"enum", allowed}};
  return {{"anyOf", {{{"type", {"string", "null"}}}, {{"type", "array"}, {"items", item}}}}};
}

Json value_schema(const OptionRow& row) {
  switch (row.type) {
    case OptionType::boolean:
      return {{"type", {"boolean", "null"}}};
    case OptionType::integer:
      return number_schema(row, "integer");
    case OptionType::number:
      return number_schema(row, "number");
    case OptionType::text:
      return text_schema(row);
    case OptionType::list:
      return list_schema(row);
  }
  return {};
}

/// What the row takes: anything of its type; the default and nothing else where more would be an error.
Json row_schema(const OptionRow& row) {
  Json schema = value_schema(row);
  const bool error = row.state == OptionState::refused || row.state == OptionState::later;
  if (error) {
    schema = {{"enum", {nullptr}}};
    if (row.type == OptionType::boolean) schema["enum"].push_back(false);
    if (!row.preset.empty()) {
      const bool is_text = row.type == OptionType::text || row.type == OptionType::list;
      const Json preset = is_text ? Json(row.preset) : number(row.preset);
      if (preset != false) schema["enum"].push_back(preset);
    }
  }
  std::string help(row.help);
  if (row.state == OptionState::no_effect) help += fmt::format(" Has no effect here: {}.", row.note);
  if (error)
    help += fmt::format(" {}: {}.", row.state == OptionState::later ? "Not there yet" : "Refused", row.note);
  schema["description"] = help;
  if (!row.preset.empty() && !error) {
    const bool is_text = row.type == OptionType::text || row.type == OptionType::list;
    schema["default"] = is_text ? Json(row.preset) : number(row.preset);
  }
  return schema;
}
}  // namespace

std::string options_schema(std::span<const OptionGroup> groups) {
  Json keys = Json::object();
  for (const OptionGroup& group : groups) {
    for (const OptionRow& row : group.rows) keys[std::string(row.name)] = row_schema(row);
  }
  const Json schema = {{"$schema", "http://json-schema.org/draft-07/schema#"},
                       {"title", "Fettle and LLaMA-Factory: a training, chat or export configuration"},
                       {"type", "object"},
                       {"properties", keys},
                       {"additionalProperties", false}};
  return schema.dump(2) + "\n";
}

}  // namespace fettle
