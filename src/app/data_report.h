// What `fettle data` and a dry run print of the data.
#pragma once

#include "data/audit.h"

namespace fettle::app {

/// Files, lengths, longest samples and findings. `cutoff_len` as the run has it.
void print_audit(const DataAudit& audit, int64_t cutoff_len, int64_t batch_size);

/// The first `count` samples as the model sees them, the trained text in colour, or in 【brackets】 where the
/// output is no terminal.
void print_samples(const Dataset& dataset, int64_t count, const Tokenizer& tokenizer, bool colour);

}  // namespace fettle::app
