#include <errno.h>  // program_invocation_name
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <csignal>

#include "app/closing_block.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "compat/llamafactory/front.h"
#include "format/gguf.h"
#include "tune/load_data.h"
#include "tune/trainer.h"

namespace fettle::app {

namespace {
std::atomic<bool> stop_asked{false};

// The first signal asks the loop to save and stop, and says so, for a step can be long; the second ends the
// program as it would have.
void ask_to_stop(int signal) {
  if (stop_asked.exchange(true)) {
    std::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  static constexpr char kText[] = "\nstopping after this step with a checkpoint; once more stops at once\n";
  const int saved = errno;
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, kText, sizeof kText - 1);
  errno = saved;
}

// Training runs for hours: everything else on the machine comes first. Threads made from here on follow.
void step_back(int niceness, Listener& listener) {
  errno = 0;
  if (niceness > 0 && ::nice(niceness) == -1 && errno != 0)
    listener.warn("the system refused a lower priority; training competes with other programs");
}

// Llama 3.1 and later write the date of the day, which no run was trained with.
std::string own_template(const Model& model, const Tokenizer& tokenizer) {
  std::string name(guess_template(model.chat_template(), tokenizer));
  if (model.chat_template().find("date_string") != std::string::npos) name += " with the date";
  return name;
}

PromptForm prompt_form_of(const TrainJob& job, const TrainResult& result) {
  Listener silent;
  const auto model = Model::load(result.base_model, silent);
  const auto tokenizer = tokenizer_of(*model);
  const ChatTemplate chat(result.template_name, tokenizer, job.model.default_system, thinking_of(job.model),
                          tools_of(job.model));
  PromptForm form = prompt_form(job.stage, chat, own_template(*model, *tokenizer), job.model.default_system);
  if (model->is_gguf()) form.gguf = model->gguf()->where();
  return form;
}
}  // namespace

int train_verb(Words words) {
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const TrainJob job = llamafactory::train_job(llamafactory::parse_arguments(words, progress), progress);
  if (job.dry_run) return dry_run(job, progress);
  step_back(job.niceness, progress);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  if (!job.train) {
    const TrainResult evaluated = run_evaluation(job, progress, &stop_asked);
    if (!evaluated.interrupted)
      fmt::print("\nResults  {}/eval_results.json\nLog      {}\n", evaluated.output_dir, evaluated.log);
    return evaluated.interrupted ? 130 : 0;
  }
  const TrainResult result = run_training(job, progress, &stop_asked);
  const PromptForm form = result.interrupted ? PromptForm{} : prompt_form_of(job, result);
  fmt::print("{}", closing_block(result, form, program_invocation_name, words));
  return result.interrupted ? 130 : 0;
}

}  // namespace fettle::app
