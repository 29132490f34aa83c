#include "data/record_formats.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace fettle {

namespace {

std::vector<std::string> alpaca_columns(const DatasetEntry& e) {
  return {e.prompt, e.query, e.response, e.history, e.system, e.tools};
}
std::vector<std::string> conversation_columns(const DatasetEntry& e) {
  return {e.messages, e.system, e.tools};
}

}  // namespace

std::span<const RecordFormat> record_formats() {
  static constexpr RecordFormat kRows[] = {
      {"alpaca", convert_alpaca, alpaca_columns, false, true},
      {"sharegpt", convert_sharegpt, conversation_columns, true, true},
      {"openai", convert_openai, conversation_columns, true, false},
  };
  return kRows;
}

std::string not_an_object(const Record& record) {
  if (record.is_object()) return "";
  return fmt::format("it is {}; an object {{…}} was expected", record.type_name());
}

std::string has_no_column(const Record& record, std::string_view column) {
  constexpr size_t kMostShown = 8;
  std::vector<std::string> names;
  for (const auto& item : record.items()) {
    if (names.size() == kMostShown) {
      names.push_back("…");
      break;
    }
    names.push_back(item.key());
  }
  if (names.empty()) return fmt::format("it has no \"{}\"; it is empty", column);
  return fmt::format("it has no \"{}\" (its columns: {})", column, fmt::join(names, ", "));
}

bool read_text_column(const Record& record, const std::string& column, std::string& out,
                      std::string& reason) {
  if (column.empty()) return true;
  const auto it = record.find(column);
  if (it == record.end() || it->is_null()) return true;
  if (!it->is_string()) {
    reason = fmt::format("\"{}\" is {}; text was expected", column, it->type_name());
    return false;
  }
  out = it->get<std::string>();
  return true;
}

}  // namespace fettle
