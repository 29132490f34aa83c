#include <fmt/format.h>

#include "app/verbs.h"
#include "compat/llamafactory/front.h"
#include "data/template_row.h"

namespace fettle::app {

namespace {
void list_verbs() {
  fmt::print("usage: fettle VERB [CFG.yaml] [key=value …], or fettle VERB --key value …\n\n");
  for (const VerbRow& verb : verbs())
    fmt::print("  {:<9} {}{}\n", verb.name, verb.line, verb.run ? "" : " (not there yet)");
  fmt::print(
      "\nEnvironment: FETTLE_ISA=generic|avx2|avx512|avx512bf16 forces the kernels, FETTLE_THREADS the "
      "number of threads,\n"
      "ALLOW_EXTRA_ARGS=1 ignores unknown keys.\n");
}
}  // namespace

int help_verb(Words words) {
  if (words.empty()) {
    list_verbs();
    return 0;
  }
  if (words[0] == "--markdown") {
    fmt::print("{}", options_markdown(llamafactory::option_groups()));
    return 0;
  }
  if (words[0] == "--schema") {
    fmt::print("{}", options_schema(llamafactory::option_groups()));
    return 0;
  }
  if (words[0] == "--templates") {
    fmt::print("{}", templates_markdown());
    return 0;
  }
  for (const VerbRow& verb : verbs()) {
    if (verb.name != words[0]) continue;
    fmt::print("fettle {}: {}\n", verb.name, verb.line);
    if (!verb.run) fmt::print("Not there yet. Until then: {}\n", verb.note);
    if (verb.takes_options) fmt::print("\n{}", options_help(llamafactory::option_groups(), 100));
    return 0;
  }
  return unknown_verb(words[0]);
}

}  // namespace fettle::app
