#include "compat/llamafactory/interpolation.h"

#include <cstdlib>
#include <vector>

#include "base/error.h"
#include "base/options.h"

namespace fettle::llamafactory {

namespace {
constexpr int kDeepest = 16;  // more is a circle

class Interpolation {
 public:
  Interpolation(const std::string& key, const Scalars& scalars, const std::string& where)
      : key_(key), scalars_(scalars), where_(where) {}

  std::string replace(const std::string& value, int depth = 0) const {
    if (depth > kDeepest) fail("${…} leads back to itself", "break the circle");
    std::string out;
    size_t at = 0;
    for (size_t begin; (begin = value.find("${", at)) != std::string::npos;) {
      const size_t end = value.find('}', begin);
      if (end == std::string::npos) fail("${ is not closed", "write ${key} or ${oc.env:NAME}");
      out += value.substr(at, begin - at);
      out += replace(meaning(value.substr(begin + 2, end - begin - 2)), depth + 1);
      at = end + 1;
    }
    return out + value.substr(at);
  }

 private:
  std::string meaning(const std::string& inside) const {
    if (const size_t colon = inside.find(':'); colon != std::string::npos) {
      if (inside.substr(0, colon) != "oc.env")
        fail(fmt::format("the resolver of ${{{}}} is not known", inside), "${key} and ${oc.env:NAME} are");
      return variable(inside.substr(colon + 1));
    }
    const auto found = scalars_.find(inside);
    if (found != scalars_.end()) return found->second;
    std::vector<std::string> names;
    for (const auto& [name, value] : scalars_) names.push_back(name);
    const std::string near = nearest_name(inside, names);
    fail(fmt::format("${{{}}} names no single value of this config", inside),
         near.empty() ? "an environment variable is ${oc.env:NAME}"
                      : fmt::format("did you mean ${{{}}}?", near));
  }

  std::string variable(const std::string& text) const {
    const size_t comma = text.find(',');
    const std::string name = text.substr(0, comma);
    if (const char* value = std::getenv(name.c_str())) return value;
    if (comma == std::string::npos)
      fail(fmt::format("the environment variable {} is not set", name),
           fmt::format("set it, or give a default: ${{oc.env:{},value}}", name));
    return text.substr(comma + 1);
  }

  [[noreturn]] void fail(const std::string& what, const std::string& hint) const {
    throw Error({.what = fmt::format("{}: {}", key_, what), .where = where_, .hint = hint});
  }

  const std::string& key_;
  const Scalars& scalars_;
  const std::string& where_;
};
}  // namespace

std::string interpolated(const std::string& key, const std::string& value, const Scalars& scalars,
                         const std::string& where) {
  return Interpolation(key, scalars, where).replace(value);
}

}  // namespace fettle::llamafactory
