// fettle check MODEL: is this model read rightly?
#include <fmt/format.h>
#include <unistd.h>

#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "format/model_stores.h"
#include "kernel/cpu_ops.h"
#include "tune/load_data.h"
#include "tune/model_check.h"

namespace fettle::app {

int check_verb(Words words) {
  if (words.size() != 1)
    throw Error({.what = "check takes one model",
                 .hint =
                     "fettle check MODEL, where MODEL is a GGUF file, a folder with config.json, or a name "
                     "that fettle models --local lists"});
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const auto model = Model::load(find_model(words[0], {}, "check").path, progress);
  const auto tokenizer = tokenizer_of(*model);
  const auto ops = make_cpu_ops({.isa = choose_isa(), .threads = usable_cores()});
  const DType compute = row(choose_isa()).bf16_dot ? DType::bf16 : DType::f32;
  const ModelCheck check = check_model(model, *tokenizer, *ops, compute, progress);
  fmt::print("{:<14} {:>8} {:>10} {:>8}   bits per byte\n", "", "text", "shuffled", "chance");
  for (const PassageResult& p : check.passages)
    fmt::print("{:<14} {:>8.3f} {:>10.3f} {:>8.3f}\n", p.language, p.bits, p.shuffled, p.chance);
  fmt::print("\nbest of them   {:>8.3f}   at most {:.2f} expected of {} parameters\n", check.best().bits,
             check.bound, grouped(model->parameters()));
  for (const AlternativeResult& a : check.alternatives)
    fmt::print("               {:>8.3f}   with {}\n", a.bits, a.constant);
  require_sound(check, words[0]);
  fmt::print("\nThe model is read rightly.\n");
  return 0;
}

}  // namespace fettle::app
