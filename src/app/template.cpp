// fettle template [NAME] [--model MODEL]: what a template writes, and whether the model's own writes the
// same.
#include <fmt/format.h>

#include <algorithm>

#include "app/closing_block.h"
#include "app/verbs.h"
#include "base/error.h"
#include "data/chat_template.h"
#include "data/template_text.h"
#include "format/model_stores.h"
#include "model/model.h"
#include "tune/load_data.h"

namespace fettle::app {

namespace {

constexpr const char* kUsage =
    "fettle template NAME shows a template, --model MODEL holds the model's own beside it; without NAME the "
    "one "
    "that is taken for the model";

struct Asked {
  std::string name, model;
};

Asked asked(Words words) {
  Asked result;
  for (size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--model" || words[i] == "--model_name_or_path") {
      if (++i == words.size()) throw Error({.what = words[i - 1] + " names no model", .hint = kUsage});
      result.model = words[i];
    } else if (words[i].starts_with("-") || !result.name.empty()) {
      throw Error({.what = fmt::format("template does not understand {}", words[i]), .hint = kUsage});
    } else {
      result.name = words[i];
    }
  }
  if (result.name.empty() && result.model.empty())
    throw Error({.what = "template needs a name or a model", .hint = kUsage});
  return result;
}

/// Line by line behind a bar, so that blank lines and ends are seen.
void print_text(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    fmt::print("  | {}{}\n", text.substr(at, end - at), end == text.size() ? "" : "↵");
    at = end + 1;
  }
}

void print_rendering(const ChatTemplate& chat) {
  const TemplateProbe& probe = template_probes().back();
  fmt::print("template  {}\n\n{}:\n", chat.row().name, probe.name);
  print_text(template_text(chat, probe));
  if (!chat.default_system().empty())
    fmt::print("\nsystem text where none is given: {}\n", python_string(chat.default_system()));
}

void print_comparison(const ChatTemplate& chat, const JinjaTemplate& own) {
  const std::vector<TemplateDifference> differences = template_differences(chat, own);
  const size_t probes = template_probes().size();
  if (differences.empty()) {
    fmt::print("\nThe model's own template writes the same, in all of {} conversations.\n", probes);
    return;
  }
  fmt::print("\nThe model's own template differs in {} of {} conversations:\n", differences.size(), probes);
  for (const TemplateDifference& one : differences) {
    if (!one.own_error.empty()) {
      fmt::print("  {}: it refuses this: {}\n", one.probe, one.own_error);
      continue;
    }
    fmt::print("  {}, from byte {} on:\n    {:<9} {}\n    {:<9} {}\n", one.probe, one.at, chat.row().name,
               python_string(one.text), "its own", python_string(one.own));
  }
}

/// The template that is taken when none is named; said.
std::string taken_for(const Model& model, const Tokenizer& tokenizer) {
  if (model.chat_template().empty()) {
    fmt::print("The model carries no chat template: `empty` is taken unless one is named.\n");
    return "empty";
  }
  std::string name(guess_template(model.chat_template(), tokenizer));
  if (name.empty())
    throw Error(
        {.what = "the model's own chat template is none that is known, so one must be named",
         .where = model.path().string(),
         .hint = "set template, e.g. template: llama3; fettle template NAME --model MODEL compares one"});
  fmt::print("Taken for this model unless one is named: {}\n", name);
  return name;
}

}  // namespace

int template_verb(Words words) {
  const Asked what = asked(words);
  if (what.model.empty()) {
    print_rendering(ChatTemplate(what.name, any_vocabulary()));
    return 0;
  }
  if (!what.name.empty()) find_template(what.name);  // a wrong name is told before a model is read
  Listener silent;
  const auto model = Model::load(find_model(what.model, {}, "template").path, silent);
  const auto tokenizer = tokenizer_of(*model);
  const ChatTemplate chat(what.name.empty() ? taken_for(*model, *tokenizer) : what.name, tokenizer);
  if (const std::string misfit = vocabulary_misfit(chat.row().name, *tokenizer); !misfit.empty())
    fmt::print("{}\n", misfit);
  print_rendering(chat);
  if (model->chat_template().empty())
    fmt::print("\nThe model carries no chat template to compare with.\n");
  else
    print_comparison(chat, JinjaTemplate(model->chat_template(), model->path().string()));
  return 0;
}

}  // namespace fettle::app
