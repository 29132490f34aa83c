#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "app/closing_block.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "compat/llamafactory/front.h"
#include "tune/load_data.h"
#include "tune/trainer.h"

namespace fettle::app {

namespace {
std::atomic<bool> stop_asked{false};

// The first signal asks the loop to save and stop; the second ends the program as it would have.
void ask_to_stop(int signal) {
  if (stop_asked.exchange(true)) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);
  }
}

std::string own_template(const std::string& base) {
  Listener silent;
  const auto model = Model::load(base, silent);
  return std::string(guess_template(model->chat_template(), *tokenizer_of(*model)));
}

std::string command_line(Words words) {
  std::string text = "fettle train";
  for (const std::string& word : words)
    text += " " + (word.find(' ') == std::string::npos ? word : "'" + word + "'");
  return text;
}
}  // namespace

int train_verb(Words words) {
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const TrainJob job = llamafactory::train_job(llamafactory::parse_arguments(words, progress), progress);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  const TrainResult result = run_training(job, progress, &stop_asked);
  fmt::print("{}", closing_block(result, own_template(result.base_model), command_line(words)));
  return result.interrupted ? 130 : 0;
}

}  // namespace fettle::app
