// A value inside a JSON document, with the place to name when it is not what it should be.
#pragma once

#include <nlohmann/json.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace fettle {

/// Refers to the document: lives no longer than it. All look-ups throw Error naming the file, the key and
/// what stands there instead.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& value, std::string file, std::string key = "")
      : value_(&value), file_(std::move(file)), key_(std::move(key)) {}

  bool is_null() const { return value_->is_null(); }
  JsonNode at(std::string_view name) const;
  /// Nothing when the key is missing or null.
  std::optional<JsonNode> find(std::string_view name) const;
  JsonNode item(size_t index) const;

  const std::string& text() const;
  bool flag() const;
  int64_t integer() const;
  /// The number of items of an array.
  size_t length() const;
  const nlohmann::json::object_t& object() const;
  const nlohmann::json::array_t& array() const;
  bool is_zero() const { return value_->is_number() && value_->get<double>() == 0; }
  bool is_text() const { return value_->is_string(); }

  bool flag_or(std::string_view name, bool fallback) const;
  std::string text_or(std::string_view name, std::string fallback) const;

  const std::string& file() const { return file_; }
  const std::string& key() const { return key_; }
  /// `KEY: what` in the file.
  [[noreturn]] void fail(std::string_view what, std::string hint = "") const;

 private:
  void expect(bool is_so, std::string_view what) const;
  const nlohmann::json* value_;
  std::string file_, key_;
};

}  // namespace fettle
