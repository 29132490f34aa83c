#include "app/line_reader.h"

#include <histedit.h>
#include <langinfo.h>

#include <cerrno>
#include <clocale>
#include <cstring>

namespace fettle::app {

namespace {
constexpr int kHistoryLines = 1000;

// libedit reads characters by the locale; in the C locale anything but ASCII would end the input.
void read_utf8() {
  if (!std::setlocale(LC_CTYPE, "") || std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0)
    std::setlocale(LC_CTYPE, "C.UTF-8");
}

char* prompt_of(EditLine* line) {
  void* prompt = nullptr;
  ::el_get(line, EL_CLIENTDATA, &prompt);
  return static_cast<char*>(prompt);
}
}  // namespace

LineReader::LineReader(const char* prompt) {
  read_utf8();
  line_ = ::el_init("fettle", stdin, stdout, stderr);
  history_ = ::history_init();
  HistEvent event;
  ::history(history_, &event, H_SETSIZE, kHistoryLines);
  ::el_set(line_, EL_CLIENTDATA, const_cast<char*>(prompt));
  ::el_set(line_, EL_PROMPT, prompt_of);
  ::el_set(line_, EL_HIST, ::history, history_);
  ::el_set(line_, EL_EDITOR, "emacs");
}

LineReader::~LineReader() {
  ::history_end(history_);
  ::el_end(line_);
}

std::optional<std::string> LineReader::read() {
  int count = 0;
  errno = 0;
  const char* text = ::el_gets(line_, &count);
  if (!text || count <= 0) {
    if (errno != EINTR) return std::nullopt;
    ::el_reset(line_);  // what was typed is dropped, as shells do
    return "";
  }
  HistEvent event;
  if (count > 1) ::history(history_, &event, H_ENTER, text);
  std::string line(text, size_t(count));
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
  return line;
}

}  // namespace fettle::app
