// fettle plan CFG: what a run would take, before it starts.
#include <fmt/format.h>
#include <unistd.h>

#include "app/plan_report.h"
#include "app/progress_line.h"
#include "app/verbs.h"
#include "compat/llamafactory/front.h"
#include "tune/run_files.h"
#include "tune/trainer.h"

namespace fettle::app {

void print_memory(const RunPlan& plan) {
  fmt::print("\nMemory\n");
  for (const PlanLine& line : plan.memory.lines)
    fmt::print("  {:>10}  {}\n", memory_text(line.bytes), line.name);
  fmt::print("  {:>10}  at the peak, with recompute: {}; {} may be used\n", memory_text(plan.memory.bytes()),
             name(plan.memory.recompute), memory_text(plan.memory.limit));
  fmt::print("  {:>10}  training every parameter instead (weights, gradients, two moments in fp32)\n",
             memory_text(plan.full_fine_tuning));
}

void print_remedies(const RunPlan& plan) {
  fmt::print("\nIt does not fit. Each of these alone, at recompute: block:\n");
  for (const Remedy& r : plan.remedies)
    fmt::print("  {:>10}  {}{}\n", memory_text(r.bytes), r.key, r.fits ? "" : "   (still too much)");
}

namespace {
void print_time(const TimePlan& time) {
  fmt::print("\nTime\n  {:>10}  {} at {:.0f} tokens/s (a probe of {:.0f} s)\n", duration_text(time.seconds),
             counted(time.steps, "step"), time.tokens_per_second, time.probe_seconds);
  if (time.evaluations > 0)
    fmt::print("  {:>10}  {} besides\n", duration_text(time.evaluation_seconds),
               counted(time.evaluations, "evaluation"));
}
}  // namespace

int plan_verb(Words words) {
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const TrainJob job = llamafactory::train_job(llamafactory::parse_arguments(words, progress), progress);
  const RunPlan plan = plan_training(job, progress);
  print_memory(plan);
  if (plan.time) {
    print_time(*plan.time);
    return 0;
  }
  print_remedies(plan);
  return 1;
}

}  // namespace fettle::app
