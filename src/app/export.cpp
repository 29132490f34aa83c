#include "tune/export.h"

#include <errno.h>  // program_invocation_name
#include <fmt/format.h>
#include <unistd.h>

#include <csignal>

#include "app/closing_block.h"
#include "app/export_block.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "compat/llamafactory/front.h"

namespace fettle::app {

namespace {
std::atomic<bool> stop_asked{false};

// The first signal lets the half-written folder be removed; the second ends the program as it would have.
void ask_to_stop(int signal) {
  stop_asked = true;
  std::signal(signal, SIG_DFL);
}
}  // namespace

int export_verb(Words words) {
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const ExportJob job = llamafactory::export_job(llamafactory::parse_arguments(words, progress), progress);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  try {
    const ExportResult result = run_export(job, progress, &stop_asked);
    fmt::print("{}", export_block(result, job, program_invocation_name));
    return 0;
  } catch (const Error& e) {
    if (!stop_asked) throw;
    fmt::print(stderr, "{}\n", e.message());
    return 130;
  }
}

}  // namespace fettle::app
