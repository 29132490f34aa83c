// The verbs of the command line: one row each, one file each.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace fettle {
class RunListener;
struct TrainJob;
}  // namespace fettle

namespace fettle::app {

using Words = std::span<const std::string>;

struct VerbRow {
  std::string_view name;
  std::string_view line;       // what it does, for the list
  int (*run)(Words words);     // exit code; null: not there yet
  std::string_view note = "";  // for a verb that is not there yet: what to use meanwhile
  bool takes_options = false;  // its help lists the option table
};

std::span<const VerbRow> verbs();

/// Runs the verb words[0] names; without words, the commands one starts with. Returns the exit code.
int run_verb(Words words);

/// Says so on standard error, with the nearest verb; returns the exit code.
int unknown_verb(const std::string& name);

int train_verb(Words words);
int chat_verb(Words words);
int check_verb(Words words);
int data_verb(Words words);
int export_verb(Words words);
int plan_verb(Words words);
int plot_verb(Words words);
int init_verb(Words words);
int inspect_verb(Words words);
int models_verb(Words words);
int template_verb(Words words);
int env_verb(Words words);
int version_verb(Words words);
int help_verb(Words words);

/// Everything of a run up to its first step, told; nothing is trained or written. Returns the exit code: 1
/// when it would not fit into memory.
int dry_run(const TrainJob& job, RunListener& listener);

}  // namespace fettle::app
