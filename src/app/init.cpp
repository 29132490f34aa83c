// fettle init: a config to begin with, from a model and a file of data, or from an example.
#include "app/init.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/progress_line.h"
#include "app/verbs.h"
#include "base/error.h"
#include "base/file.h"
#include "compat/llamafactory/front.h"
#include "data/locate.h"
#include "data/register.h"
#include "tune/first_settings.h"
#include "tune/trainer.h"

namespace fettle::app {

namespace {
namespace fs = std::filesystem;
constexpr const char* kHere = "fettle init";

/// The words of this verb alone, and all others: options of the run, which go into the file as they are.
struct Wishes {
  std::string from, output;
  std::vector<std::string> others;
};

Wishes read_wishes(Words words) {
  Wishes wishes;
  for (size_t i = 0; i < words.size(); ++i) {
    const size_t equals = std::min(words[i].find('='), words[i].size());
    const std::string key = words[i].substr(0, equals);
    if (key == "--model") {
      wishes.others.push_back("--model_name_or_path" + words[i].substr(equals));
      continue;
    }
    std::string* own = key == "--from" ? &wishes.from : key == "--output" ? &wishes.output : nullptr;
    if (!own) {
      wishes.others.push_back(words[i]);
      continue;
    }
    if (equals == words[i].size() && i + 1 == words.size())
      throw Error({.what = fmt::format("{} has no value", key),
                   .where = "init",
                   .hint = "fettle init --model MODEL --dataset FILE [--output CFG.yaml], or fettle init "
                           "--from EXAMPLE"});
    *own = equals < words[i].size() ? words[i].substr(equals + 1) : words[++i];
  }
  return wishes;
}

/// The set a run is to learn from.
struct NewSet {
  DatasetEntry entry;
  fs::path folder;   // dataset_dir
  std::string name;  // in its registry
};

NewSet look_at_set(const OptionSet& options, Listener& listener) {
  const std::vector<std::string> names = options.list("dataset");
  if (names.size() != 1)
    throw Error({.what = fmt::format("{} datasets found, one expected", names.size()),
                 .where = "dataset",
                 .hint = "fettle init --model MODEL --dataset FILE; more are added to the file it writes"});
  NewSet set{.folder = options.text("dataset_dir"), .name = names[0]};
  set.entry = find_dataset(set.folder, names[0], listener);
  if (!set.entry.detected) return set;
  fs::path file = set.entry.file;
  if (file.filename().empty()) file = file.parent_path();
  if (!options.given("dataset_dir")) set.folder = file.has_parent_path() ? file.parent_path() : fs::path(".");
  const size_t dot = file.filename().string().find('.', 1);
  set.name = file.filename().string().substr(0, dot);
  return set;
}

/// Writes the set into its registry and returns its name there.
std::string registered(const NewSet& set, Listener& listener) {
  if (!set.entry.detected) return set.name;
  const std::string file = set.entry.file.lexically_proximate(set.folder).string();
  std::string name = register_dataset(set.folder, set.name, registry_entry(set.entry, file));
  listener.info(
      fmt::format("dataset {}: registered in {}", name, (set.folder / "dataset_info.json").string()));
  return name;
}

bool is_text(const DatasetEntry& entry) {
  return entry.response.empty() && !format_of(entry).conversations;
}

/// What was measured of a model and its data, and chosen for them.
struct Choice {
  FirstSettings settings;
  std::string template_name, model;
  bool own_template = false;
  int64_t samples = 0, tokens = 0;
  MemoryPlan memory;
};

Choice choose(const OptionSet& options, RunListener& listener) {
  Choice choice{.own_template = !options.given("template")};
  TrainJob job = llamafactory::train_job(options, listener);
  job.dry_run = true;  // nothing is written but the config
  consider_training(job, listener, [&](const Session& session, const MemoryOf& memory_of) {
    const Dataset& data = session.data.train;
    std::vector<int64_t> lengths(static_cast<size_t>(data.size()));
    for (int64_t i = 0; i < data.size(); ++i) choice.tokens += lengths[size_t(i)] = data.length(i);
    std::ranges::sort(lengths);
    choice.samples = data.size();
    choice.template_name = session.chat.row().name;
    choice.model = fmt::format("{}, {:.4g} M parameters, {}", session.model->family().name,
                               double(session.model->parameters()) / 1e6, name(session.model->main_type()));
    const auto fits = [&](Recompute level, int64_t batch, int64_t cutoff) {
      return memory_of(level, batch, cutoff).fits();
    };
    choice.settings =
        first_settings(lengths, std::min(job.data.cutoff_len, session.model->hp().context_length), fits);
    const FirstSettings& s = choice.settings;
    choice.memory = memory_of(s.recompute, s.batch_size, s.cutoff_len);
  });
  if (!choice.settings.fits)
    throw Error({.what = fmt::format("even single samples of {} tokens need {}; {} may be used",
                                     choice.settings.cutoff_len, memory_text(choice.memory.bytes()),
                                     memory_text(choice.memory.limit)),
                 .where = job.model.name,
                 .hint = "use a smaller model, or one of fewer bits per weight"});
  return choice;
}

std::string cutoff_comment(const Choice& c, bool texts) {
  const FirstSettings& s = c.settings;
  if (texts) return "tokens of a block; texts are cut into them, nothing is lost";
  return s.cut == 0 ? fmt::format("the longest sample has {} tokens", grouped(s.longest))
                    : fmt::format("{} of {} are longer (up to {} tokens) and cut", grouped(s.cut),
                                  counted(c.samples, "sample"), grouped(s.longest));
}

std::string memory_comment(const Choice& c) {
  return fmt::format("{} of {} that may be used{}", memory_text(c.memory.bytes()),
                     memory_text(c.memory.limit),
                     c.settings.recompute == Recompute::none
                         ? ""
                         : fmt::format(", with recompute: {}", name(c.settings.recompute)));
}

std::vector<ConfigLine> training_lines(const Choice& c) {
  const FirstSettings& s = c.settings;
  return {
      {"train", "", ""},
      {"per_device_train_batch_size", fmt::format("{}", s.batch_size), memory_comment(c)},
      {"gradient_accumulation_steps", fmt::format("{}", s.accumulation),
       fmt::format("an update learns from {}", counted(s.batch_size * s.accumulation, "sample"))},
      {"learning_rate", fmt::format("{:.1e}", s.learning_rate), "for so many updates"},
      {"num_train_epochs", fmt::format("{}", s.epochs), counted(s.updates, "update")},
      {"lr_scheduler_type", "cosine", ""},
      {"warmup_ratio", "0.1", ""},
      {"seed", "42", ""},
  };
}

std::vector<ConfigLine> evaluation_lines(const FirstSettings& s) {
  if (s.val_size == 0) return {};
  return {
      {"eval", "", ""},
      {"val_size", fmt::format("{}", s.val_size), "held back: a loss that rises there was learnt by heart"},
      {"eval_strategy", "epoch", ""}};
}

/// Every key of the file, in the order in which one reads it.
std::vector<ConfigLine> chosen_lines(const OptionSet& options, const NewSet& set, const Choice& c) {
  const FirstSettings& s = c.settings;
  const bool texts = is_text(set.entry);
  std::vector<ConfigLine> lines = {
      {"model", "", ""},
      {"model_name_or_path", options.text("model_name_or_path"), ""},
      {"template", c.template_name,
       c.own_template ? "told from the model's own chat template; fettle template compares" : ""},
      {"method", "", ""},
      {"stage", texts ? "pt" : "sft", texts ? "the records are texts without answers" : ""},
      {"do_train", "true", ""},
      {"finetuning_type", "lora", ""},
      {"lora_rank", fmt::format("{}", s.rank), ""},
      {"lora_target", "all", ""},
      {"dataset", "", ""},
      {"dataset_dir", set.folder.string(), ""},
      {"dataset", set.name, fmt::format("{}, {} tokens", counted(c.samples, "sample"), grouped(c.tokens))},
      {"cutoff_len", fmt::format("{}", s.cutoff_len), cutoff_comment(c, texts)},
      {"output", "", ""},
      {"output_dir", options.text("output_dir"), ""},
      {"logging_steps", s.updates < 200 ? "5" : "10", ""},
      {"save_strategy", "epoch", "a run that is stopped goes on from there"},
      {"save_total_limit", "2", ""},
      {"plot_loss", "true", ""},
  };
  if (texts) std::erase_if(lines, [](const ConfigLine& line) { return line.key == "template"; });
  for (const std::vector<ConfigLine>& more : {training_lines(c), evaluation_lines(s)})
    lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

/// The same with what was typed: in the place of what was chosen, and what else was said behind it.
std::vector<ConfigLine> with_typed(std::vector<ConfigLine> lines, const OptionSet& options) {
  std::vector<ConfigLine> others;
  for (const auto& [key, value] : options.as_typed()) {
    if (options.where(key) == kHere || key == "dataset") continue;
    const auto line = std::ranges::find_if(
        lines, [&key = key](const ConfigLine& l) { return l.key == key && !l.value.empty(); });
    if (line == lines.end())
      others.push_back({key, value, ""});
    else
      *line = {key, value, key == "model_name_or_path" ? "" : "as you said"};
  }
  if (!others.empty()) lines.push_back({"as you said", "", ""});
  lines.insert(lines.end(), others.begin(), others.end());
  return lines;
}

fs::path write_config(const Wishes& wishes, Listener& said, RunListener& listener) {
  OptionSet options = llamafactory::parse_arguments(wishes.others, said);
  Listener silent;  // measuring says it all again
  const NewSet set = look_at_set(options, silent);
  fs::path path = wishes.output.empty() ? fs::path(set.name + ".yaml") : fs::path(wishes.output);
  require_free(path);
  const auto assume = [&](const char* key, const std::string& value) {
    if (!options.given(key)) options.set(key, value, kHere);
  };
  // Measured as it may be in the worst case: nothing cut, the higher rank.
  constexpr const char *kWholeTexts = "1024", *kWholeSamples = "32768", *kHigherRank = "16";
  assume("stage", is_text(set.entry) ? "pt" : "sft");
  assume("output_dir", (fs::path("saves") / set.name).string());
  assume("cutoff_len", is_text(set.entry) ? kWholeTexts : kWholeSamples);
  assume("lora_rank", kHigherRank);
  assume("per_device_train_batch_size", "1");
  assume("do_train", "true");
  const Choice choice = choose(options, listener);
  NewSet named = set;
  named.name = registered(set, said);
  const std::string head =
      fmt::format("{} ({}) on {}; made by fettle init", options.text("model_name_or_path"), choice.model,
                  set.entry.file.string());
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  write_atomic(path, yaml_of(head, with_typed(chosen_lines(options, named, choice), options)));
  return path;
}
}  // namespace

int init_verb(Words words) {
  const Wishes wishes = read_wishes(words);
  ProgressLine progress(stdout, ::isatty(STDOUT_FILENO) != 0);
  const fs::path path = wishes.from.empty() ? write_config(wishes, progress, progress)
                                            : copy_example(wishes.from, wishes.output, progress);
  const std::string config = path.string();
  if (wishes.from.empty())
    fmt::print(
        "\n{}\n{}\nNext\n  fettle data {}     what is in the data, and what is wrong with it\n"
        "  fettle plan {}     what the run takes of memory and time\n  fettle train {}\n",
        config, read_text(path), config, config, config);
  else
    fmt::print(
        "\n{} is written. It names its model in model_name_or_path: put yours there\n"
        "(fettle models --local lists those on this machine).\n",
        config);
  return 0;
}

}  // namespace fettle::app
