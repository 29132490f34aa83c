#include "model/arch/hf_config.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.h"

namespace fettle {

using Json = nlohmann::json;

const Json* HfConfig::find(std::string_view key) const {
  const auto it = object_.find(std::string(key));
  return it == object_.end() || it->is_null() ? nullptr : &*it;
}

void HfConfig::wrong_type(std::string_view key, const Json& found, std::string_view expected) const {
  std::string text = found.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > 80) text = text.substr(0, 80) + "…";
  throw Error({.what = fmt::format("{} is {}, expected {}", key, text, expected), .where = where_});
}

void HfConfig::missing(std::string_view key) const {
  throw Error({.what = fmt::format("the key {} is missing", key),
               .where = where_,
               .hint = "is this the config.json that came with the weights?"});
}

int64_t HfConfig::integer_or(std::string_view key, int64_t fallback) const {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (v->is_number_unsigned() && v->get<uint64_t>() > uint64_t(INT64_MAX))
    wrong_type(key, *v, "a smaller integer");
  if (v->is_number_integer()) return v->get<int64_t>();
  if (v->is_number_float()) {
    const double d = v->get<double>();
    if (std::abs(d) < 0x1p53 && d == std::floor(d)) return int64_t(d);
  }
  wrong_type(key, *v, "an integer");
}

int64_t HfConfig::integer(std::string_view key) const {
  if (!has(key)) missing(key);
  return integer_or(key, 0);
}

double HfConfig::number_or(std::string_view key, double fallback) const {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (!v->is_number()) wrong_type(key, *v, "a number");
  return v->get<double>();
}

double HfConfig::number(std::string_view key) const {
  if (!has(key)) missing(key);
  return number_or(key, 0);
}

bool HfConfig::flag_or(std::string_view key, bool fallback) const {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (!v->is_boolean()) wrong_type(key, *v, "true or false");
  return v->get<bool>();
}

std::string HfConfig::text_or(std::string_view key, std::string fallback) const {
  const Json* v = find(key);
  if (v == nullptr) return fallback;
  if (!v->is_string()) wrong_type(key, *v, "a text");
  return v->get<std::string>();
}

const Json* HfConfig::object_or_null(std::string_view key) const {
  const Json* v = find(key);
  if (v != nullptr && !v->is_object()) wrong_type(key, *v, "an object");
  return v;
}

}  // namespace fettle
