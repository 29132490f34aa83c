// A line from a terminal, with editing and history.
#pragma once

#include <optional>
#include <string>

struct editline;
struct history;

namespace fettle::app {

class LineReader {
 public:
  explicit LineReader(const char* prompt);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line without its end; "" after a signal broke it off; nullopt at the end of input.
  std::optional<std::string> read();

 private:
  ::editline* line_;
  ::history* history_;
};

}  // namespace fettle::app
