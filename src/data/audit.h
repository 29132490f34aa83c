// A look at encoded samples before anyone trains on them: what is in them, and everything that would make a
// run learn something else than was meant.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/listener.h"
#include "data/dataset.h"
#include "token/tokenizer.h"

namespace fettle {

enum class FindingKind : uint8_t {
  cut,
  nothing_trained,
  skipped,
  empty_answer,
  duplicate,
  near_duplicate,
  leak,
  encoding,
  unclosed,
  prompt_in_answer,
  language,
  outlier,
  count
};

struct FindingRow {
  std::string_view name;     // of fail_on and of the JSON: "near_duplicate"
  std::string_view meaning;  // "almost another sample"
};
const FindingRow& row(FindingKind kind);
/// The kind of a name; none where there is no such.
std::optional<FindingKind> finding_kind(std::string_view name);

struct Finding {
  FindingKind kind;
  SamplePlace place;
  std::string detail;  // "the same as data/x.json:5"
};

/// Samples of one file.
struct FileCounts {
  std::string file;
  int64_t samples = 0, tokens = 0, targets = 0;
};

struct DataAudit {
  std::vector<FileCounts> files;  // in order of appearance
  std::vector<int64_t> lengths;   // tokens of every sample to train on, ascending
  int64_t loses_nothing = 0;      // the smallest cutoff_len that cuts nothing
  double padding = 0;             // share of padded batches that would be padding; packed ones have none
  std::vector<std::pair<SamplePlace, int64_t>> longest;  // ten, with their tokens
  std::vector<Finding> findings;                         // kind by kind, then as the samples come

  int64_t count(FindingKind kind) const;
};

/// Looks at every sample of `train`, and whether one of `held_out` is among them. Files are counted over
/// both, lengths over `train`. `batch_size`: samples of a batch, for `padding`.
DataAudit audit(const Dataset& train, std::span<const Dataset* const> held_out, const Tokenizer& tokenizer,
                int64_t batch_size, Listener& listener);

/// A stretch of a sample's text that is trained on, or is not.
struct TextRun {
  std::string text;  // special tokens as they are written
  bool trained;
};
/// A sample as the model sees it.
std::vector<TextRun> text_runs(const Dataset& dataset, int64_t i, const Tokenizer& tokenizer);

/// All of it for scripts: counts, lengths, findings with file and line.
nlohmann::ordered_json audit_json(const DataAudit& audit);

}  // namespace fettle
