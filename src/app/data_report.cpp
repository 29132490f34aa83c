#include "app/data_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/progress_line.h"

namespace fettle::app {

namespace {
constexpr int64_t kNamed = 5;  // findings of a kind that are written out

void print_files(const DataAudit& audit) {
  fmt::print("\nFiles\n");
  for (const FileCounts& f : audit.files)
    fmt::print("  {:<44} {:>9} samples {:>12} tokens {:>12} trained\n", f.file, grouped(f.samples),
               grouped(f.tokens), grouped(f.targets));
}

// Edges grow by a third to a half: 16, 24, 32, 48, 64, …
std::vector<int64_t> edges_up_to(int64_t longest) {
  std::vector<int64_t> edges = {16};
  while (edges.back() < longest)
    edges.push_back(edges.size() % 2 != 0 ? edges.back() / 2 * 3 : edges.back() / 3 * 4);
  return edges;
}

void print_histogram(const std::vector<int64_t>& lengths) {
  constexpr int64_t kWidth = 30;
  const std::vector<int64_t> edges = edges_up_to(lengths.back());
  std::vector<int64_t> counts(edges.size());
  for (const int64_t length : lengths)
    ++counts[size_t(std::lower_bound(edges.begin(), edges.end(), length) - edges.begin())];
  const int64_t most = *std::max_element(counts.begin(), counts.end());
  size_t i = 0;
  while (counts[i] == 0) ++i;
  for (; i < counts.size(); ++i) {
    std::string bar;
    for (int64_t j = 0; j * most < counts[i] * kWidth; ++j) bar += "▪";
    fmt::print("  up to {:>7}  {:>9}  {}\n", grouped(edges[i]), grouped(counts[i]), bar);
  }
}

void print_lengths(const DataAudit& audit, int64_t cutoff_len, int64_t batch_size) {
  const auto& lengths = audit.lengths;
  if (lengths.empty()) return;
  const auto at = [&](double q) { return grouped(lengths[size_t(q * double(lengths.size() - 1))]); };
  fmt::print("\nTokens of a sample\n");
  print_histogram(lengths);
  fmt::print("  half have at most {}, nine of ten {}, 99 of 100 {}; the longest {}\n", at(0.5), at(0.9),
             at(0.99), at(1));
  if (audit.loses_nothing > cutoff_len) {
    fmt::print("  cutoff_len: {} cuts samples; {} would lose nothing\n", cutoff_len, audit.loses_nothing);
  } else {
    fmt::print("  cutoff_len: {} loses nothing; {} would be enough\n", cutoff_len, audit.loses_nothing);
  }
  if (batch_size > 1)
    fmt::print("  batches of {} are packed; padded, {:.0f} % of them would be padding\n", batch_size,
               100 * audit.padding);
  fmt::print("\nThe longest\n");
  for (const auto& [place, tokens] : audit.longest)
    fmt::print("  {:>9}  {}\n", grouped(tokens), place.text());
}

void print_findings(const DataAudit& audit) {
  if (audit.findings.empty()) {
    fmt::print("\nNothing looks wrong.\n");
    return;
  }
  fmt::print("\nTo look at\n");
  for (size_t i = 0; i < size_t(FindingKind::count); ++i) {
    const auto kind = FindingKind(i);
    const int64_t all = audit.count(kind);
    if (all == 0) continue;
    fmt::print("  {} ({}): {}\n", row(kind).name, grouped(all), row(kind).meaning);
    int64_t named = 0;
    for (const Finding& f : audit.findings) {
      if (f.kind == kind && ++named <= kNamed) fmt::print("    {}: {}\n", f.place.text(), f.detail);
    }
    if (all > kNamed)
      fmt::print("    and {} more; report_file: FILE lists them all\n", grouped(all - kNamed));
  }
}
}  // namespace

void print_audit(const DataAudit& audit, int64_t cutoff_len, int64_t batch_size) {
  print_files(audit);
  print_lengths(audit, cutoff_len, batch_size);
  print_findings(audit);
}

void print_samples(const Dataset& dataset, int64_t count, const Tokenizer& tokenizer, bool colour) {
  fmt::print("\nAs the model sees them, {}\n",
             colour ? "trained text in green" : "trained text in 【brackets】");
  for (int64_t i = 0; i < std::min(count, dataset.size()); ++i) {
    fmt::print("\n── {} ──\n", dataset.place(i).text());
    for (const TextRun& run : text_runs(dataset, i, tokenizer)) {
      if (!run.trained) {
        fmt::print("{}", run.text);
      } else if (colour) {
        fmt::print("\x1b[32m{}\x1b[0m", run.text);
      } else {
        fmt::print("【{}】", run.text);
      }
    }
    fmt::print("\n");
  }
}

}  // namespace fettle::app
