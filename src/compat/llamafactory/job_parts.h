// The parts of a job that have a file of their own.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/listener.h"
#include "base/options.h"
#include "tune/job.h"

namespace fettle::llamafactory {

/// Throws the Error of two keys that exclude each other.
[[noreturn]] void conflict(const OptionSet& o, std::string_view a, std::string_view b, const char* hint);

/// Throws the Error of a value that is not there yet: only those in `ready` are.
void later_value(const OptionSet& o, std::string_view key, std::initializer_list<std::string_view> ready,
                 const char* hint);
/// A count from the environment, at least 1; 0 where it is not set.
int count_from_environment(const char* name, std::string_view what);

/// The base, found by its path or in a store of this machine (said), and what is said of it. The compute type
/// is left to the verb.
ModelJob model_job(const OptionSet& o, Listener& listener);

/// When to log, evaluate and save, what on, and which tracker hears of it. `job.train` must be settled.
void reporting_keys(const OptionSet& o, TrainJob& job, Listener& listener);

}  // namespace fettle::llamafactory
