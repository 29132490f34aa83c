// GgufFile's typed look-ups.
#include <cmath>

#include "base/error.h"
#include "format/gguf.h"

namespace fettle {

namespace {
struct KindName {
  std::string_view operator()(bool) const { return "a bool"; }
  std::string_view operator()(int64_t) const { return "an integer"; }
  std::string_view operator()(uint64_t) const { return "an integer beyond int64"; }
  std::string_view operator()(double) const { return "a number"; }
  std::string_view operator()(const std::string&) const { return "a string"; }
  std::string_view operator()(const std::vector<bool>&) const { return "an array of bools"; }
  std::string_view operator()(const std::vector<int64_t>&) const { return "an array of integers"; }
  std::string_view operator()(const std::vector<double>&) const { return "an array of numbers"; }
  std::string_view operator()(const std::vector<std::string>&) const { return "an array of strings"; }
};

[[noreturn]] void wrong_type(const GgufFile& file, std::string_view key, const GgufValue& value,
                             std::string_view wanted) {
  throw Error({.what = fmt::format("metadata key {} is {}; {} was expected", key,
                                   std::visit(KindName{}, value), wanted),
               .where = file.where()});
}

[[noreturn]] void missing(const GgufFile& file, std::string_view key) {
  throw Error({.what = fmt::format("metadata key {} is missing", key),
               .where = file.where(),
               .hint = "convert the model again with a current converter"});
}

const GgufValue* look_up(const GgufFile& file, std::string_view key) {
  auto it = file.metadata().find(key);
  return it == file.metadata().end() ? nullptr : &it->second;
}

template <class T>
const T& demand(const GgufFile& file, std::string_view key, const GgufValue& value, std::string_view wanted) {
  if (const T* typed = std::get_if<T>(&value)) return *typed;
  wrong_type(file, key, value, wanted);
}

template <class T>
std::span<const T> array(const GgufFile& file, std::string_view key, std::string_view wanted) {
  const GgufValue* value = look_up(file, key);
  if (!value) return {};
  return demand<std::vector<T>>(file, key, *value, wanted);
}

int64_t as_integer(const GgufFile& file, std::string_view key, const GgufValue& value) {
  const double* real = std::get_if<double>(&value);
  if (real && std::nearbyint(*real) == *real && std::abs(*real) < 0x1p63) return int64_t(*real);
  return demand<int64_t>(file, key, value, "an integer");
}

double as_number(const GgufFile& file, std::string_view key, const GgufValue& value) {
  const int64_t* integer = std::get_if<int64_t>(&value);
  if (integer && std::abs(double(*integer)) <= 0x1p53) return double(*integer);
  return demand<double>(file, key, value, "a number");
}
}  // namespace

bool GgufFile::has(std::string_view key) const {
  return look_up(*this, key) != nullptr;
}

std::string GgufFile::text(std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (!value) missing(*this, key);
  return demand<std::string>(*this, key, *value, "a string");
}

std::string GgufFile::text_or(std::string_view key, std::string fallback) const {
  return has(key) ? text(key) : std::move(fallback);
}

int64_t GgufFile::integer(std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (!value) missing(*this, key);
  return as_integer(*this, key, *value);
}

int64_t GgufFile::integer_or(std::string_view key, int64_t fallback) const {
  return has(key) ? integer(key) : fallback;
}

double GgufFile::number(std::string_view key) const {
  const GgufValue* value = look_up(*this, key);
  if (!value) missing(*this, key);
  return as_number(*this, key, *value);
}

double GgufFile::number_or(std::string_view key, double fallback) const {
  return has(key) ? number(key) : fallback;
}

bool GgufFile::flag_or(std::string_view key, bool fallback) const {
  const GgufValue* value = look_up(*this, key);
  return value ? demand<bool>(*this, key, *value, "a bool") : fallback;
}

std::span<const std::string> GgufFile::texts(std::string_view key) const {
  return array<std::string>(*this, key, "an array of strings");
}
std::span<const int64_t> GgufFile::integers(std::string_view key) const {
  return array<int64_t>(*this, key, "an array of integers");
}
std::span<const double> GgufFile::numbers(std::string_view key) const {
  return array<double>(*this, key, "an array of numbers");
}

}  // namespace fettle
