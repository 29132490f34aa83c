#include "data/audit.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <numeric>
#include <unordered_map>

#include "base/error.h"
#include "data/near_duplicates.h"
#include "data/text_signs.h"

namespace fettle {

namespace {

// In the order of FindingKind.
constexpr FindingRow kRows[] = {
    {"cut", "cut to cutoff_len"},
    {"nothing_trained", "left out: nothing in it is trained"},
    {"skipped", "left out: it does not fit its format"},
    {"empty_answer", "the answer is empty"},
    {"duplicate", "the same as another, but for spaces, punctuation and case"},
    {"near_duplicate", "almost another sample"},
    {"leak", "held out for evaluation, and trained on"},
    {"encoding", "read in the wrong encoding, it seems; no template mends it: save the file as UTF-8"},
    {"unclosed", "something is opened and not closed"},
    {"prompt_in_answer", "the answer repeats the prompt"},
    {"language", "the answer is in another language than the others"},
    {"outlier", "far longer than the others"},
};
static_assert(std::size(kRows) == size_t(FindingKind::count));

constexpr int64_t kLongest = 10;
constexpr int64_t kProgressEvery = 1024;  // samples
constexpr size_t kPromptLine = 24;        // bytes of a normalised prompt that no answer begins with by chance
constexpr size_t kRoleWord = 12;          // bytes of a role's name before it
constexpr int64_t kTemplateShare = 5;     // a line of more than a fifth of the samples is the template's
constexpr int64_t kOutlierTimes = 10, kOutlierTokens = 512;

/// What the checks of one sample look at.
struct Texts {
  std::string prompt, answer;  // not trained and trained, special tokens left out
  std::string normalized;      // both
};

class Auditor {
 public:
  Auditor(const Dataset& train, std::span<const Dataset* const> held_out, const Tokenizer& tokenizer,
          Listener& listener)
      : train_(train), held_out_(held_out), tokenizer_(tokenizer), listener_(listener) {}

  DataAudit run(int64_t batch_size) {
    remarks();
    count_lengths(batch_size);
    total_ = train_.size();
    for (const Dataset* set : held_out_) total_ += set->size();
    look_at(train_, false);
    for (const Dataset* set : held_out_) look_at(*set, true);
    listener_.on_progress({kTask, total_, total_, "samples"});
    languages();
    repeated_prompts();
    nearly_same();
    std::stable_sort(out_.findings.begin(), out_.findings.end(),
                     [](const Finding& a, const Finding& b) { return a.kind < b.kind; });
    return std::move(out_);
  }

 private:
  static constexpr const char* kTask = "Looking at the data";

  void found(FindingKind kind, const SamplePlace& place, std::string detail) {
    out_.findings.push_back({kind, place, std::move(detail)});
  }

  void remarks() {
    for (const Remark& r : train_.report().remarks) {
      static constexpr FindingKind kKinds[] = {FindingKind::cut, FindingKind::nothing_trained,
                                               FindingKind::skipped};
      found(kKinds[size_t(r.kind)], r.place, r.text);
    }
  }

  void count_lengths(int64_t batch_size) {
    std::vector<int64_t> order(size_t(train_.size()));
    std::iota(order.begin(), order.end(), 0);
    double padded = 0, tokens = 0;
    for (int64_t i = 0; i < train_.size(); i += batch_size) {
      const int64_t end = std::min(i + batch_size, train_.size());
      int64_t longest = 0;
      for (int64_t j = i; j < end; ++j) longest = std::max(longest, train_.length(j));
      padded += double(longest * (end - i));
    }
    for (const int64_t i : order) {
      out_.lengths.push_back(train_.length(i));
      tokens += double(train_.length(i));
    }
    out_.padding = padded > 0 ? 1 - tokens / padded : 0;
    std::sort(out_.lengths.begin(), out_.lengths.end());
    out_.loses_nothing = std::max(train_.report().longest, out_.lengths.empty() ? 0 : out_.lengths.back());
    std::stable_sort(order.begin(), order.end(),
                     [&](int64_t a, int64_t b) { return train_.length(a) > train_.length(b); });
    order.resize(size_t(std::min(kLongest, train_.size())));
    for (const int64_t i : order) out_.longest.push_back({train_.place(i), train_.length(i)});
    outliers();
  }

  void outliers() {
    if (out_.lengths.empty()) return;
    const int64_t median = out_.lengths[out_.lengths.size() / 2];
    for (int64_t i = 0; i < train_.size(); ++i) {
      const int64_t length = train_.length(i);
      if (length >= kOutlierTimes * median && length >= median + kOutlierTokens)
        found(FindingKind::outlier, train_.place(i),
              fmt::format("{} tokens, where half of all have at most {}", length, median));
    }
  }

  Texts texts_of(const Dataset& set, int64_t i) const {
    Texts t;
    const auto ids = set.ids(i), labels = set.labels(i);
    for (size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
      const bool trained = labels[begin] != kIgnoreIndex;
      while (end < ids.size() && (labels[end] != kIgnoreIndex) == trained) ++end;
      std::string& to = trained ? t.answer : t.prompt;
      if (!to.empty()) to += '\n';
      to += tokenizer_.decode(ids.subspan(begin, end - begin), /*skip_special=*/true);
    }
    t.normalized = normalized_text(t.prompt) + '|' + normalized_text(t.answer);
    return t;
  }

  void look_at(const Dataset& set, bool held_out) {
    for (int64_t i = 0; i < set.size(); ++i) {
      if (++looked_ % kProgressEvery == 0) listener_.on_progress({kTask, looked_, total_, "samples"});
      const Texts t = texts_of(set, i);
      const SamplePlace& place = set.place(i);
      count_file(set, i);
      same(t, place, held_out);
      if (!held_out) check(t, place);
    }
  }

  void count_file(const Dataset& set, int64_t i) {
    const std::string& file = set.place(i).file;
    auto at =
        std::find_if(out_.files.begin(), out_.files.end(), [&](const auto& f) { return f.file == file; });
    if (at == out_.files.end()) at = out_.files.insert(at, {file});
    ++at->samples;
    at->tokens += set.length(i);
    at->targets += set.targets(i);
  }

  void same(const Texts& t, const SamplePlace& place, bool held_out) {
    const auto [first, is_new] = seen_.try_emplace(t.normalized, texts_.size());
    if (!is_new) {
      const FindingKind kind = held_out ? FindingKind::leak : FindingKind::duplicate;
      const Known& other = known_[first->second];
      // A record that num_samples or interleave_over repeats is no copy.
      if (!held_out && !other.held_out && place.text() == other.place.text()) return;
      if (!held_out || !other.held_out) found(kind, place, "the same as " + other.place.text());
      return;
    }
    texts_.push_back(t.normalized);
    known_.push_back({place, held_out});
  }

  void check(const Texts& t, const SamplePlace& place) {
    if (normalized_text(t.answer).empty() &&
        std::ranges::all_of(t.answer, [](unsigned char c) { return std::isspace(c) != 0; }))
      found(FindingKind::empty_answer, place, "only its end is learnt");
    if (std::string why = encoding_sign(t.prompt + t.answer); !why.empty())
      found(FindingKind::encoding, place, std::move(why));
    if (std::string why = unclosed_sign(t.answer); !why.empty())
      found(FindingKind::unclosed, place, std::move(why));
    see_prompt(t, place);
    answers_.push_back({language_of(t.answer), place});
  }

  /// Notes the lines of the first prompt; where the answer begins with one, it is judged when it is known
  /// which lines are the template's.
  void see_prompt(const Texts& t, const SamplePlace& place) {
    const std::string answer = normalized_text(t.answer);
    std::vector<std::string> lines;
    bool repeats = false;
    for (size_t begin = 0, end = 0; begin < t.prompt.size(); begin = end + 1) {
      end = std::min(t.prompt.find('\n', begin), t.prompt.size());
      std::string line = normalized_text(std::string_view(t.prompt).substr(begin, end - begin));
      if (line.empty()) continue;
      ++lines_[line];
      repeats |= begins_with(answer, line);
      lines.push_back(std::move(line));
    }
    if (repeats) repeating_.push_back({std::move(lines), answer, place});
  }

  /// A template may put a word before the first line.
  static bool begins_with(const std::string& answer, const std::string& prompt) {
    for (size_t skipped = 0; skipped <= kRoleWord && skipped + kPromptLine <= prompt.size(); ++skipped) {
      if (answer.size() > prompt.size() - skipped &&
          answer.starts_with(std::string_view(prompt).substr(skipped)))
        return true;
    }
    return false;
  }

  /// The whole prompt stands at the beginning of the answer: all lines that are its own.
  void repeated_prompts() {
    for (const auto& [lines, answer, place] : repeating_) {
      std::string own;
      for (const std::string& line : lines) {
        if (lines_[line] * kTemplateShare <= train_.size()) own += line;
      }
      if (begins_with(answer, own))
        found(FindingKind::prompt_in_answer, place, "it begins with the whole of it");
    }
  }

  /// One language in nine of ten answers is the language of the data.
  void languages() {
    std::map<std::string_view, int64_t> count;
    int64_t all = 0;
    for (const auto& [language, place] : answers_) {
      if (language.empty()) continue;
      ++count[language];
      ++all;
    }
    for (const auto& [main, n] : count) {
      if (n * 10 < all * 9) continue;
      for (const auto& [language, place] : answers_) {
        if (!language.empty() && language != main)
          found(FindingKind::language, place, fmt::format("{}, where the others are {}", language, main));
      }
    }
  }

  void nearly_same() {
    for (const NearPair& pair : near_duplicates(texts_)) {
      const Known &a = known_[size_t(pair.first)], &b = known_[size_t(pair.second)];
      if (a.held_out && b.held_out) continue;
      found(b.held_out ? FindingKind::leak : FindingKind::near_duplicate, b.place,
            fmt::format("{:.0f} % of it stands in {}", 100 * pair.share, a.place.text()));
    }
  }

  struct Repeating {
    std::vector<std::string> lines;
    std::string answer;
    SamplePlace place;
  };
  struct Known {
    SamplePlace place;
    bool held_out;
  };

  const Dataset& train_;
  std::span<const Dataset* const> held_out_;
  const Tokenizer& tokenizer_;
  Listener& listener_;
  DataAudit out_;
  int64_t looked_ = 0, total_ = 0;
  std::unordered_map<std::string, size_t> seen_;  // normalised text → its place in texts_
  std::vector<std::string> texts_;                // each once
  std::vector<Known> known_;
  std::unordered_map<std::string, int64_t> lines_;  // of prompts → in how many they stand
  std::vector<Repeating> repeating_;
  std::vector<std::pair<std::string_view, SamplePlace>> answers_;  // their languages
};

}  // namespace

const FindingRow& row(FindingKind kind) {
  return kRows[size_t(kind)];
}

std::optional<FindingKind> finding_kind(std::string_view name) {
  for (size_t i = 0; i < std::size(kRows); ++i) {
    if (kRows[i].name == name) return FindingKind(i);
  }
  return std::nullopt;
}

int64_t DataAudit::count(FindingKind kind) const {
  return std::ranges::count_if(findings, [&](const Finding& f) { return f.kind == kind; });
}

DataAudit audit(const Dataset& train, std::span<const Dataset* const> held_out, const Tokenizer& tokenizer,
                int64_t batch_size, Listener& listener) {
  FETTLE_CHECK(batch_size > 0, "batch size {}", batch_size);
  return Auditor(train, held_out, tokenizer, listener).run(batch_size);
}

std::vector<TextRun> text_runs(const Dataset& dataset, int64_t i, const Tokenizer& tokenizer) {
  std::vector<TextRun> runs;
  const auto ids = dataset.ids(i), labels = dataset.labels(i);
  for (size_t begin = 0, end = 0; begin < ids.size(); begin = end) {
    const bool trained = labels[begin] != kIgnoreIndex;
    while (end < ids.size() && (labels[end] != kIgnoreIndex) == trained) ++end;
    runs.push_back({tokenizer.decode(ids.subspan(begin, end - begin), /*skip_special=*/false), trained});
  }
  return runs;
}

nlohmann::ordered_json audit_json(const DataAudit& audit) {
  using Json = nlohmann::ordered_json;
  Json files = Json::array(), longest = Json::array(), findings = Json::array(), counts = Json::object();
  for (const FileCounts& f : audit.files)
    files.push_back({{"file", f.file}, {"samples", f.samples}, {"tokens", f.tokens}, {"trained", f.targets}});
  const auto placed = [](const SamplePlace& place) {
    return Json{{"file", place.file}, {"line", place.line}};
  };
  for (const auto& [place, tokens] : audit.longest) {
    longest.push_back(placed(place));
    longest.back()["tokens"] = tokens;
  }
  for (size_t i = 0; i < std::size(kRows); ++i)
    counts[std::string(kRows[i].name)] = audit.count(FindingKind(i));
  for (const Finding& f : audit.findings) {
    findings.push_back({{"kind", row(f.kind).name}});
    findings.back().update(placed(f.place));
    findings.back()["detail"] = f.detail;
  }
  return {{"files", files},
          {"lengths", audit.lengths},
          {"cutoff_len_that_loses_nothing", audit.loses_nothing},
          {"padding_avoided", audit.padding},
          {"longest", longest},
          {"counts", counts},
          {"findings", findings}};
}

}  // namespace fettle
