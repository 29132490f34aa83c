// How libraries speak: they hand notes and progress to a Listener and never print. The progress line, the log
// file and (later) the web page are listeners.
#pragma once

#include <cstdint>
#include <string>

namespace fettle {

enum class Severity { info, warning };

/// One sentence for the user.
struct Note {
  Severity severity = Severity::info;
  std::string text;
};

/// Work that may take over two seconds. `done` of `total` in `unit`; total 0 = not known. done == total ends
/// it.
struct Progress {
  std::string task;
  int64_t done = 0, total = 0;
  std::string unit;
};

class Listener {
 public:
  virtual ~Listener() = default;
  virtual void on_note(const Note&) {}
  virtual void on_progress(const Progress&) {}

  void info(std::string text) { on_note({Severity::info, std::move(text)}); }
  void warn(std::string text) { on_note({Severity::warning, std::move(text)}); }
};

}  // namespace fettle
