// fettle train CFG --dry_run true: everything up to the first step; no weight is read.
#include <fmt/format.h>
#include <unistd.h>

#include "app/data_report.h"
#include "app/plan_report.h"
#include "app/verbs.h"
#include "tune/session.h"
#include "tune/trainer.h"

namespace fettle::app {

int dry_run(const TrainJob& job, RunListener& listener) {
  constexpr int64_t kShown = 2;  // samples
  const RunPlan plan = rehearse_training(job, listener, [](const Session& session) {
    fmt::print("\nTemplate  {}\n", session.chat.row().name);
    print_samples(session.data.train, kShown, *session.tokenizer, ::isatty(STDOUT_FILENO) != 0);
  });
  print_memory(plan);
  if (!plan.memory.fits()) {
    print_remedies(plan);
    return 1;
  }
  fmt::print(
      "\nNothing was trained and nothing written. `fettle plan` also measures the time, `fettle data` looks "
      "for what is wrong with the data.\n");
  return 0;
}

}  // namespace fettle::app
