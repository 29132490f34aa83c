// The parts of a job that have a file of their own.
#pragma once

#include "base/listener.h"
#include "base/options.h"
#include "tune/job.h"

namespace fettle::llamafactory {

/// Throws the Error of two keys that exclude each other.
[[noreturn]] void conflict(const OptionSet& o, std::string_view a, std::string_view b, const char* hint);

/// When to log, evaluate and save, what on, and which tracker hears of it. `job.train` must be settled.
void reporting_keys(const OptionSet& o, TrainJob& job, Listener& listener);

}  // namespace fettle::llamafactory
