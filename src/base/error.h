// The one exception type for what a user, a file or a request got wrong, and the check for what we got wrong.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

namespace fettle {

/// A failure that someone outside the program can repair. `message()` is what they read:
///   WHERE: WHAT
///     hint: HINT
/// WHERE names the place: file, file:line, a key or a tensor. HINT says what to do; both may be empty.
class Error : public std::runtime_error {
 public:
  struct Parts {
    std::string what;
    std::string where;
    std::string hint;
  };
  explicit Error(Parts parts);

  const std::string& where() const { return parts_.where; }
  const std::string& hint() const { return parts_.hint; }
  const Parts& parts() const { return parts_; }
  std::string message() const;

 private:
  Parts parts_;
};

/// A broken promise inside the program: ends the verb or the job, never the process it is a library of.
class InvariantError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

namespace detail {
[[noreturn]] void check_failed(const char* condition, const char* file, int line, const std::string& text);
}

}  // namespace fettle

/// FETTLE_CHECK(condition, "format", args…): throws InvariantError with the condition, file and line.
#define FETTLE_CHECK(condition, ...)                                                                 \
  do {                                                                                               \
    if (!(condition)) [[unlikely]]                                                                   \
      ::fettle::detail::check_failed(#condition, __FILE__, __LINE__, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
