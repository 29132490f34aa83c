// fettle plot OUTPUT_DIR: the loss of a run, drawn from its log.
#include <fmt/format.h>

#include "app/verbs.h"
#include "base/error.h"
#include "tune/loss_plot.h"

namespace fettle::app {

int plot_verb(Words words) {
  if (words.size() != 1 || words[0].starts_with("-"))
    throw Error({.what = "plot takes one folder",
                 .hint = "fettle plot OUTPUT_DIR, where a run left trainer_log.jsonl"});
  for (const std::filesystem::path& png : plot_log(words[0])) fmt::print("Plot     {}\n", png.string());
  return 0;
}

}  // namespace fettle::app
