#include "base/error.h"

namespace fettle {

namespace {
std::string compose(const Error::Parts& parts) {
  std::string text = parts.where.empty() ? parts.what : parts.where + ": " + parts.what;
  if (!parts.hint.empty()) text += "\n  hint: " + parts.hint;
  return text;
}
}  // namespace

Error::Error(Parts parts) : std::runtime_error(compose(parts)), parts_(std::move(parts)) {}

std::string Error::message() const {
  return what();
}

namespace detail {
void check_failed(const char* condition, const char* file, int line, const std::string& text) {
  throw InvariantError(
      fmt::format("{}:{}: broken invariant `{}`{}{}", file, line, condition, text.empty() ? "" : ": ", text));
}
}  // namespace detail

}  // namespace fettle
