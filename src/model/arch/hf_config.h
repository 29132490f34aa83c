// Typed look-ups in a config.json. A key whose value is null counts as missing, as transformers has it.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace fettle {

class HfConfig {
 public:
  /// `where` names the file, and the object inside it when that is not the whole ("config.json:
  /// rope_scaling").
  HfConfig(const nlohmann::json& object, std::string where) : object_(object), where_(std::move(where)) {}

  bool has(std::string_view key) const { return find(key) != nullptr; }
  /// Error naming key and file: missing, or of another type. A float with an integral value is an integer.
  int64_t integer(std::string_view key) const;
  int64_t integer_or(std::string_view key, int64_t fallback) const;
  double number(std::string_view key) const;
  double number_or(std::string_view key, double fallback) const;
  bool flag_or(std::string_view key, bool fallback) const;
  std::string text_or(std::string_view key, std::string fallback) const;
  /// Null when the key is missing; Error when it is no object.
  const nlohmann::json* object_or_null(std::string_view key) const;

  const std::string& where() const { return where_; }
  const nlohmann::json& json() const { return object_; }

 private:
  const nlohmann::json* find(std::string_view key) const;
  [[noreturn]] void wrong_type(std::string_view key, const nlohmann::json& found,
                               std::string_view expected) const;
  [[noreturn]] void missing(std::string_view key) const;

  const nlohmann::json& object_;
  std::string where_;
};

}  // namespace fettle
