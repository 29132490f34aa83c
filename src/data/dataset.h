// Samples as ids and labels, in one token store; and batches packed from them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/listener.h"
#include "data/chat_template.h"
#include "data/registry.h"

namespace fettle {

constexpr int32_t kIgnoreIndex = -100;

struct EncodeOptions {
  int64_t cutoff_len = 2048;
  bool train_on_prompt = false, mask_history = false;
};

/// LLaMA-Factory's length rule: {source, target} tokens that fit a budget.
std::pair<int64_t, int64_t> infer_seqlen(int64_t source, int64_t target, int64_t budget);

/// Something that happened to one record.
struct Remark {
  enum class Kind : uint8_t { cut, nothing_to_train, skipped } kind;
  SamplePlace place;
  std::string text;  // "cut from 3000 to 2048 tokens; its end-of-text is lost"
};

/// What happened to the data on its way: everything is counted and kept with its place.
struct DataReport {
  int64_t records = 0, samples = 0, tokens = 0, targets = 0;
  int64_t cut = 0;               // samples that lost tokens to cutoff_len
  int64_t nothing_to_train = 0;  // samples left out because no label is left
  int64_t skipped = 0;           // records that did not fit their format
  int64_t longest = 0;           // tokens of the longest sample that was cut, before it was
  std::vector<Remark> remarks;

  /// Takes over what reading a dataset counted.
  void count(const LoadedSamples& loaded);
  void name_cut(const SamplePlace& place, int64_t full, int64_t kept, bool end_lost);
  void name_nothing_to_train(const SamplePlace& place);
  void name_skipped(const SamplePlace& place, const std::string& reason);
  /// The first remarks of each kind: "data/x.json:12: cut from 3000 to 2048 tokens; its end-of-text is lost".
  std::vector<std::string> examples() const;
  /// One warning for everything that was cut or left out, with the examples; silent when nothing was.
  void tell(Listener& listener) const;
};

/// The arrays of a Dataset, one behind the other: sample i is [offsets[i], offsets[i+1]) of ids and labels.
struct TokenArrays {
  std::span<const int32_t> ids, labels;
  std::span<const int64_t> offsets, targets;
};

/// All samples of a run. Sample i is ids[offsets[i] … offsets[i+1]); labels stand at the token they name
/// (HF's convention: the model predicts labels[t] from what lies before t).
class Dataset {
 public:
  Dataset() = default;
  /// Of arrays that lie elsewhere (a mapped file) and live as long as `owner`; nothing can be added. The
  /// arrays must fit one another; samples, tokens and targets of the report are counted from them.
  Dataset(const TokenArrays& arrays, std::shared_ptr<const void> owner, std::vector<SamplePlace> places,
          DataReport report);

  int64_t size() const { return int64_t(places_.size()); }
  std::span<const int32_t> ids(int64_t i) const;
  std::span<const int32_t> labels(int64_t i) const;
  int64_t length(int64_t i) const {
    const auto offsets = arrays().offsets;
    return offsets[size_t(i) + 1] - offsets[size_t(i)];
  }
  /// Supervised predictions: labels ≠ −100 at t ≥ 1.
  int64_t targets(int64_t i) const { return arrays().targets[size_t(i)]; }
  const SamplePlace& place(int64_t i) const { return places_[size_t(i)]; }
  const DataReport& report() const { return report_; }
  TokenArrays arrays() const { return owner_ ? elsewhere_ : TokenArrays{ids_, labels_, offsets_, targets_}; }
  /// SHA-256 over ids and labels: what a checkpoint compares before it resumes.
  std::string fingerprint() const;

  /// Appends; returns false (and counts) when nothing is left to train on.
  bool add(std::vector<int32_t> ids, std::vector<int32_t> labels, SamplePlace place);
  DataReport& report() { return report_; }

 private:
  std::vector<int32_t> ids_, labels_;
  std::vector<int64_t> offsets_{0}, targets_;
  std::vector<SamplePlace> places_;
  std::shared_ptr<const void> owner_;  // of `elsewhere_`; null: the vectors hold the tokens
  TokenArrays elsewhere_;
  DataReport report_;
};

/// One conversation of supervised fine-tuning.
struct EncodedSample {
  std::vector<int32_t> ids, labels;
  bool cut = false;       // tokens were lost to cutoff_len
  bool end_lost = false;  // among them the last answer's end-of-text
  int64_t full_length = 0;
};
/// Encodes as LLaMA-Factory does: cut to cutoff_len turn by turn, labels on the answers. The sample must hold
/// an odd number of prompt messages and one response (FETTLE_CHECK). Error for tools and calls that are not
/// what the template's tool format needs, and for train_on_prompt with an efficient_eos template.
EncodedSample encode_supervised(const Sample& sample, const ChatTemplate& chat, const EncodeOptions& options);
/// All samples of a dataset, appended to `out` in order. Samples without an answer, or with tools and calls
/// that cannot be written, are counted as skipped; Error when they are more than 5 %.
void encode_supervised(std::span<const Sample> samples, const ChatTemplate& chat,
                       const EncodeOptions& options, Dataset& out, Listener* listener = nullptr);
/// Pre-training: the documents of a dataset, each closed by end-of-text, packed into blocks of cutoff_len or
/// one sample each.
void encode_pretrain(std::span<const Sample> samples, const ChatTemplate& chat, const EncodeOptions& options,
                     bool packing, Dataset& out, Listener* listener = nullptr);

/// Ids ready for the network: one row, never padded.
struct Batch {
  std::vector<int32_t> ids, positions, cu_seqlens;              // positions restart in every sequence
  std::vector<uint64_t> sample_keys;                            // [sequences] index in the Dataset
  std::vector<int32_t> target_rows, target_tokens, cu_targets;  // row r predicts token t

  void clear();
  /// Appends sample i of the dataset as one sequence.
  void append(const Dataset& dataset, int64_t i);
  int64_t tokens() const { return int64_t(ids.size()); }
  int64_t sequences() const { return int64_t(sample_keys.size()); }
  int64_t targets() const { return int64_t(target_rows.size()); }
};

/// The order of one epoch: a permutation from (seed, epoch), or file order.
std::vector<int64_t> epoch_order(int64_t size, uint64_t seed, int64_t epoch, bool shuffle);

}  // namespace fettle
