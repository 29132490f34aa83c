// Conversations to ids and labels: LLaMA-Factory's supervised encoding, with what it cuts silently counted
// and named.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "base/error.h"
#include "data/dataset.h"

namespace fettle {

namespace {

constexpr int64_t kProgressEvery = 2048;  // samples
constexpr int64_t kNamedInError = 3;

/// The tokens of one turn that fit, and how many it had.
struct CutTurn {
  std::span<const int32_t> source, target;
  bool first;  // the first to be given its budget
};

/// The index in an answer of the token that ends it, the last token where no token of its own does.
int64_t end_position(std::span<const int32_t> target, std::span<const int32_t> stop_ids) {
  for (int64_t i = int64_t(target.size()) - 1; i >= 0; --i)
    if (std::find(stop_ids.begin(), stop_ids.end(), target[size_t(i)]) != stop_ids.end()) return i;
  return int64_t(target.size()) - 1;
}

std::vector<EncodedTurn> turns_of(const Sample& sample, const ChatTemplate& chat, bool last_only) {
  FETTLE_CHECK(sample.prompt.size() % 2 == 1 && sample.response.size() == 1, "{} + {} messages",
               sample.prompt.size(), sample.response.size());
  std::vector<Message> messages = sample.prompt;
  messages.push_back(sample.response.front());
  try {
    return chat.encode_turns(messages, sample.system, sample.tools, last_only);
  } catch (const Error& error) {
    throw Error({.what = error.parts().what, .where = sample.place.text(), .hint = error.hint()});
  }
}

/// Gives every turn its share of cutoff_len, in order; with mask_history the last turn is served first.
std::vector<CutTurn> cut_turns(std::span<const EncodedTurn> turns, const ChatTemplate& chat,
                               const EncodeOptions& options) {
  const int64_t count = int64_t(turns.size());
  std::vector<CutTurn> kept;
  int64_t total = chat.row().efficient_eos ? 1 : 0;
  for (int64_t i = 0; i < count && total < options.cutoff_len; ++i) {
    const EncodedTurn& turn = turns[size_t(options.mask_history ? count - 1 - i : i)];
    const auto [source, target] =
        infer_seqlen(int64_t(turn.source.size()), int64_t(turn.target.size()), options.cutoff_len - total);
    kept.push_back(
        {std::span(turn.source).first(size_t(source)), std::span(turn.target).first(size_t(target)), i == 0});
    total += source + target;
  }
  if (options.mask_history) std::reverse(kept.begin(), kept.end());
  return kept;
}

void append_turn(const CutTurn& turn, const ChatTemplate& chat, const EncodeOptions& options,
                 EncodedSample& out) {
  const size_t begin = out.labels.size();
  out.ids.insert(out.ids.end(), turn.source.begin(), turn.source.end());
  out.ids.insert(out.ids.end(), turn.target.begin(), turn.target.end());
  if (options.train_on_prompt) {
    out.labels.insert(out.labels.end(), turn.source.begin(), turn.source.end());
  } else {
    out.labels.insert(out.labels.end(), turn.source.size(), kIgnoreIndex);
    // Without an end in the answer itself, the end of the turn before is learnt where this turn's source
    // begins.
    if (chat.row().efficient_eos && !turn.first && !turn.source.empty()) out.labels[begin] = chat.eos();
  }
  if (options.mask_history && !turn.first)
    out.labels.insert(out.labels.end(), turn.target.size(), kIgnoreIndex);
  else
    out.labels.insert(out.labels.end(), turn.target.begin(), turn.target.end());
}

bool last_end_lost(std::span<const EncodedTurn> turns, std::span<const CutTurn> kept,
                   const ChatTemplate& chat, const EncodeOptions& options) {
  if (chat.row().efficient_eos) return false;  // it is appended after the cut
  if (kept.empty() || (!options.mask_history && kept.size() < turns.size())) return true;
  return int64_t(kept.back().target.size()) <= end_position(turns.back().target, chat.stop_ids());
}

void check_options(const ChatTemplate& chat, const EncodeOptions& options) {
  if (options.train_on_prompt && chat.row().efficient_eos)
    throw Error({.what = fmt::format(
                     "train_on_prompt does not go with template {}, whose answers have no end of their own",
                     chat.row().name),
                 .where = "train_on_prompt",
                 .hint = "leave train_on_prompt out, or choose another template"});
}

/// The sample in ids, or the reason why it has none: tools and calls are read here, by the template's format.
std::optional<EncodedSample> try_encode(const Sample& sample, const ChatTemplate& chat,
                                        const EncodeOptions& options, std::string& reason) {
  if (sample.response.empty()) {
    reason = "it has no answer";
    return std::nullopt;
  }
  try {
    return encode_supervised(sample, chat, options);
  } catch (const Error& error) {
    reason = error.parts().what;
    return std::nullopt;
  }
}

}  // namespace

std::pair<int64_t, int64_t> infer_seqlen(int64_t source, int64_t target, int64_t budget) {
  int64_t target_limit;
  if (target * 2 < budget)
    target_limit = budget;
  else if (source * 2 < budget)
    target_limit = budget - source;
  // In doubles and in this order, as LLaMA-Factory computes it: the truncation falls on the same side.
  else
    target_limit = int64_t(double(budget) * (double(target) / double(source + target)));
  const int64_t new_target = std::min(target_limit, target);
  return {std::min(std::max(budget - new_target, int64_t(0)), source), new_target};
}

EncodedSample encode_supervised(const Sample& sample, const ChatTemplate& chat,
                                const EncodeOptions& options) {
  check_options(chat, options);
  const std::vector<EncodedTurn> turns = turns_of(sample, chat, options.mask_history);
  const std::vector<CutTurn> kept = cut_turns(turns, chat, options);
  EncodedSample out;
  for (const CutTurn& turn : kept) append_turn(turn, chat, options, out);
  for (const EncodedTurn& turn : turns) out.full_length += int64_t(turn.source.size() + turn.target.size());
  if (chat.row().efficient_eos) {
    out.ids.push_back(chat.eos());
    out.labels.push_back(chat.eos());
    ++out.full_length;
  }
  out.cut = int64_t(out.ids.size()) < out.full_length;
  out.end_lost = out.cut && last_end_lost(turns, kept, chat, options);
  return out;
}

void encode_supervised(std::span<const Sample> samples, const ChatTemplate& chat,
                       const EncodeOptions& options, Dataset& out, Listener* listener) {
  check_options(chat, options);
  const int64_t count = int64_t(samples.size());
  int64_t left_out = 0;
  std::vector<std::string> named;
  const auto report = [&](int64_t done) {
    if (listener) listener->on_progress({"Tokenising", done, count, "samples"});
  };
  for (int64_t i = 0; i < count; ++i) {
    const Sample& sample = samples[size_t(i)];
    std::string reason;
    std::optional<EncodedSample> encoded = try_encode(sample, chat, options, reason);
    if (!encoded) {
      out.report().name_skipped(sample.place, reason);
      if (++left_out <= kNamedInError) named.push_back(fmt::format("{}: {}", sample.place.text(), reason));
      continue;
    }
    if (encoded->cut)
      out.report().name_cut(sample.place, encoded->full_length, int64_t(encoded->ids.size()),
                            encoded->end_lost);
    out.add(std::move(encoded->ids), std::move(encoded->labels), sample.place);
    if ((i + 1) % kProgressEvery == 0 && i + 1 < count) report(i + 1);
  }
  if (count > 0)
    refuse_if_too_many_bad(left_out, count, samples[0].place.file, "cannot be learnt from", named);
  report(count);
}

}  // namespace fettle
