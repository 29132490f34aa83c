// LLaMA-Factory's arguments → a typed job. Translation only: no behaviour lives here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/listener.h"
#include "base/options.h"
#include "tune/job.h"

namespace fettle::llamafactory {

/// The one option table, by group (options/*.cpp: one file per group).
std::span<const OptionGroup> option_groups();

/// Words after the verb: `CFG.yaml|CFG.json [key=value …]` or `--key value …` (§1.2). Error with file:line or
/// the word.
OptionSet parse_arguments(std::span<const std::string> words, Listener& listener);

/// Rules across keys (§2.12) and translation. What was assumed (no stage → sft, no do_train → train) is said.
TrainJob train_job(const OptionSet& options, Listener& listener);
ChatJob chat_job(const OptionSet& options, Listener& listener);
ExportJob export_job(const OptionSet& options, Listener& listener);

}  // namespace fettle::llamafactory
