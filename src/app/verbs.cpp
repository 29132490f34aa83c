#include "app/verbs.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/options.h"

namespace fettle::app {

namespace {
constexpr VerbRow kVerbs[] = {
    {.name = "train",
     .line = "fine-tune a model: fettle train CFG.yaml [key=value …], or fettle train --key value …",
     .run = train_verb,
     .takes_options = true},
    {"init", "a config to begin with: fettle init --model MODEL --dataset FILE, or --from EXAMPLE",
     init_verb},
    {.name = "chat",
     .line = "talk to a model, with or without an adapter; one prompt from standard input for scripts",
     .run = chat_verb,
     .takes_options = true},
    {.name = "plan",
     .line = "memory and time of a run before it starts: fettle plan CFG.yaml",
     .run = plan_verb,
     .takes_options = true},
    {.name = "data",
     .line = "what is in the data of a run, and what is wrong with it: fettle data CFG.yaml",
     .run = data_verb,
     .takes_options = true},
    {"check", "say whether a model is read rightly: fettle check MODEL", check_verb},
    {.name = "export",
     .line = "merge an adapter into its base: a Hugging Face folder, or a GGUF file",
     .run = export_verb,
     .takes_options = true},
    {"plot", "draw the loss of a run from its log, also while it goes on: fettle plot OUTPUT_DIR", plot_verb},
    {"inspect", "say what a model or adapter is: fettle inspect FILE [--tensors]", inspect_verb},
    {"models",
     "the models on this machine, by the names that model_name_or_path takes: fettle models --local",
     models_verb},
    {"template", "show what a template writes, beside the model's own: fettle template NAME [--model MODEL]",
     template_verb},
    {"env", "what this machine and this build are, for bug reports", env_verb},
    {"version", "the version", version_verb},
    {"help", "this list; fettle help VERB shows a verb's options", help_verb},
    {"api", "an OpenAI-style server", nullptr, "fettle chat with one prompt from standard input"},
    {"webui", "the board in a browser", nullptr, "fettle train CFG.yaml; its output_dir has log and plot"},
    {"webchat", "the chat in a browser", nullptr, "fettle chat"},
    {"eval", "benchmarks", nullptr, "fettle chat with prompts of your own"},
};

constexpr std::string_view kFirstSteps =
    "Fettle fine-tunes language models on this computer's CPU.\n\n"
    "  fettle init --model MODEL --dataset FILE       write a config for them\n"
    "  fettle train CFG.yaml                          train an adapter (a LLaMA-Factory YAML)\n"
    "  fettle chat --model_name_or_path MODEL --adapter_name_or_path OUTPUT_DIR\n"
    "                                                 talk to the result\n"
    "  fettle help                                    everything else\n";

bool asks_for_help(const std::string& word) {
  return word == "-h" || word == "--help";
}
}  // namespace

std::span<const VerbRow> verbs() {
  return kVerbs;
}

int run_verb(Words words) {
  if (words.empty()) {
    fmt::print("{}", kFirstSteps);
    return 0;
  }
  std::string name = words[0];
  if (name == "-h" || name == "--help") name = "help";
  if (name == "-v" || name == "--version") name = "version";
  const Words rest = words.subspan(1);
  for (const VerbRow& verb : kVerbs) {
    if (verb.name != name) continue;
    if (!verb.run)
      throw Error({.what = fmt::format("{} is not there yet", name), .hint = std::string(verb.note)});
    if (std::any_of(rest.begin(), rest.end(), asks_for_help)) {
      const std::string asked[] = {name};
      return help_verb(asked);
    }
    return verb.run(rest);
  }
  return unknown_verb(name);
}

int unknown_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const VerbRow& verb : kVerbs) names.emplace_back(verb.name);
  const std::string near = nearest_name(name, names);
  fmt::print(stderr, "Unknown command: {}.{}\nfettle help lists the commands.\n", name,
             near.empty() ? "" : fmt::format(" Did you mean {}?", near));
  return 2;
}

}  // namespace fettle::app
