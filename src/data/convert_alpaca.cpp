#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "data/record_formats.h"

namespace fettle {

namespace {

/// [["question", "answer"], …] in front of the record's own question.
bool read_history(const Record& record, const std::string& column, std::vector<Message>& out,
                  std::string& reason) {
  if (column.empty()) return true;
  const auto it = record.find(column);
  if (it == record.end() || it->is_null()) return true;
  if (!it->is_array()) {
    reason =
        fmt::format("\"{}\" is {}; a list of [question, answer] pairs was expected", column, it->type_name());
    return false;
  }
  for (size_t i = 0; i < it->size(); ++i) {
    const Record& pair = (*it)[i];
    if (!pair.is_array() || pair.size() != 2 || !pair[0].is_string() || !pair[1].is_string()) {
      reason = fmt::format("\"{}\", item {}, is no [question, answer] pair of texts", column, i + 1);
      return false;
    }
    out.push_back({ChatRole::user, pair[0].get<std::string>()});
    out.push_back({ChatRole::assistant, pair[1].get<std::string>()});
  }
  return true;
}

bool has_column(const Record& record, const std::string& column) {
  return !column.empty() && record.contains(column);
}

}  // namespace

std::optional<Sample> convert_alpaca(const Record& record, const DatasetEntry& entry, std::string& reason) {
  reason = not_an_object(record);
  if (!reason.empty()) return std::nullopt;
  if (!has_column(record, entry.prompt) && !has_column(record, entry.query)) {
    reason = has_no_column(record, entry.prompt.empty() ? entry.query : entry.prompt);
    return std::nullopt;
  }
  Sample sample;
  std::string prompt, query, response;
  if (!read_history(record, entry.history, sample.prompt, reason) ||
      !read_text_column(record, entry.prompt, prompt, reason) ||
      !read_text_column(record, entry.query, query, reason) ||
      !read_text_column(record, entry.response, response, reason) ||
      !read_text_column(record, entry.system, sample.system, reason) ||
      !read_text_column(record, entry.tools, sample.tools, reason))
    return std::nullopt;
  const bool both = !prompt.empty() && !query.empty();
  sample.prompt.push_back({ChatRole::user, both ? prompt + "\n" + query : prompt + query});
  if (has_column(record, entry.response) && record[entry.response].is_string())
    sample.response.push_back({ChatRole::assistant, std::move(response)});
  return sample;
}

}  // namespace fettle
